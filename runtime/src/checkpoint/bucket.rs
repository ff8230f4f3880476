//! A bucket of an S3-compatible store as the place of checkpoints.
//!
//! What is configured is checked before anything is sent. Who we are comes from the standard AWS
//! environment (keys, a web identity, a container's role) or the instance's metadata, never from our
//! configuration, so that there is nothing secret in it to show. A build without the feature `s3` knows the
//! settings and refuses them.

use std::net::IpAddr;
use std::time::Duration;

use super::error::{CheckpointError, Trouble};
use super::place::Place;

/// What a location of this kind begins with.
const SCHEME: &str = "s3://";

/// A bucket, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// `s3://BUCKET` or `s3://BUCKET/PREFIX`.
    pub location: String,
    /// The server, as a URL; empty: that of AWS for the region.
    pub endpoint: String,
    /// The region; empty: what `AWS_REGION` or `AWS_DEFAULT_REGION` says, else `us-east-1`.
    pub region: String,
    /// Whether the bucket stands in the path of requests, rather than in the name of the host.
    pub path_style: bool,
    /// Whether requests may go unencrypted to other machines than this one.
    pub allow_http: bool,
    /// How long a request may take.
    pub timeout: Duration,
    /// How often a request that failed is sent again.
    pub retries: usize,
}

/// Whether a location is a bucket.
#[must_use]
pub fn is_bucket(location: &str) -> bool {
    location.starts_with(SCHEME)
}

impl Bucket {
    /// The bucket's name and the prefix, which may be empty.
    fn names(&self) -> Result<(&str, &str), String> {
        let rest = self.location.strip_prefix(SCHEME).unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(of_name) {
            return Err(format!(
                "{bucket:?} is no name of a bucket: it has 3 to 63 small letters, digits, dots and hyphens"
            ));
        }
        let prefix = prefix.trim_end_matches('/');
        let of_prefix = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        let is_plain = |part: &str| !matches!(part, "" | "." | "..");
        let is_fine = prefix.bytes().all(of_prefix) && prefix.split('/').all(is_plain);
        if !prefix.is_empty() && !is_fine {
            return Err(format!(
                "{prefix:?} is no prefix: it has letters, digits, dots, hyphens, underscores and single slashes"
            ));
        }
        Ok((bucket, prefix))
    }

    /// The server's scheme and host; none: AWS.
    fn server(&self) -> Result<Option<(&str, &str)>, String> {
        if self.endpoint.is_empty() {
            return Ok(None);
        }
        let wrong = || {
            "checkpoint.s3_endpoint is http:// or https://, a host and a port, such as https://s3.example.org"
                .to_owned()
        };
        let (scheme, host) = self.endpoint.split_once("://").ok_or_else(wrong)?;
        let host = host.trim_end_matches('/');
        let of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
        if !matches!(scheme, "http" | "https") || host.is_empty() || !host.bytes().all(of_host) {
            return Err(wrong());
        }
        if scheme == "http" && !self.allow_http && !is_loopback(host) {
            return Err(format!(
                "requests to {host} would go unencrypted: use https://, or set checkpoint.s3_allow_http"
            ));
        }
        Ok(Some((scheme, host)))
    }

    /// Whether it can be used at all; nothing is sent.
    ///
    /// # Errors
    /// What is wrong, in one line.
    pub fn check(&self) -> Result<(), String> {
        let wrong = |what: String| format!("checkpoint.location {}: {what}", self.location);
        self.names().map_err(wrong)?;
        self.server().map_err(wrong)?;
        if cfg!(feature = "s3") {
            return Ok(());
        }
        Err(wrong(
            "this millrace was built without buckets; build it with cargo build --release --features s3"
                .to_owned(),
        ))
    }

    /// The place. Nothing is sent yet.
    ///
    /// # Errors
    /// If it can't be used as it is configured.
    pub fn place(&self) -> Result<Place, CheckpointError> {
        let unusable = |what: String| CheckpointError::Place {
            place: self.location.clone(),
            trouble: Trouble::Unusable,
            what,
        };
        self.check().map_err(unusable)?;
        let store = open::open(self).map_err(unusable)?;
        // A request that is sent again has its own time each; waiting in between is little beside it.
        let sent = u32::try_from(self.retries).unwrap_or(u32::MAX).saturating_add(1);
        let answer = self.timeout.saturating_mul(sent).saturating_add(BACKOFF_MAX);
        Ok(Place::new(store, self.location.clone())?.answers_in(answer))
    }
}

/// The longest wait before a request is sent again, for all of them together.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(not(feature = "s3"))]
mod open {
    use std::sync::Arc;

    use object_store::ObjectStore;

    use super::Bucket;

    /// [`Bucket::check`] has refused it.
    pub(super) fn open(_: &Bucket) -> Result<Arc<dyn ObjectStore>, String> {
        Err("this millrace was built without the feature s3".to_owned())
    }
}

#[cfg(feature = "s3")]
mod guard;
#[cfg(feature = "s3")]
mod open;
#[cfg(feature = "s3")]
pub(super) use guard::Stranger;

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(location: &str, endpoint: &str) -> Bucket {
        Bucket {
            location: location.to_owned(),
            endpoint: endpoint.to_owned(),
            region: String::new(),
            path_style: true,
            allow_http: false,
            timeout: Duration::from_secs(1),
            retries: 0,
        }
    }

    #[test]
    fn a_location_is_a_bucket_and_a_prefix_that_any_store_takes() {
        for (location, wanted) in [
            ("s3://shop", ("shop", "")),
            ("s3://shop/", ("shop", "")),
            ("s3://my.shop-1/a/b_c/", ("my.shop-1", "a/b_c")),
        ] {
            assert_eq!(bucket(location, "").names(), Ok(wanted), "{location}");
        }
        for location in [
            "s3://",
            "s3://ab",
            "s3://Shop",
            "s3://user:key@shop",
            "s3://shop//a",
            "s3://shop/a/../b",
            "s3://shop/a b",
            "s3://shop/a?x=1",
        ] {
            assert!(bucket(location, "").names().is_err(), "{location}");
        }
    }

    #[test]
    fn nothing_goes_unencrypted_to_another_machine_unless_that_is_said() {
        for near in [
            "http://localhost:9000",
            "http://127.0.0.1:1/",
            "http://[::1]:9000",
            "https://far:1",
        ] {
            assert!(bucket("s3://shop", near).server().is_ok(), "{near}");
        }
        for far in [
            "http://far:9000",
            "http://10.0.0.1",
            "http://localhost.example.org",
        ] {
            let mut bucket = bucket("s3://shop", far);
            let refused = bucket.server().expect_err(far);
            assert!(refused.contains("s3_allow_http"), "{refused}");
            bucket.allow_http = true;
            assert!(bucket.server().is_ok(), "{far}");
        }
        for wrong in [
            "far:9000",
            "ftp://far",
            "http://",
            "https://user:key@far",
            "https://far/path",
        ] {
            let refused = bucket("s3://shop", wrong).server().expect_err(wrong);
            assert!(!refused.contains("key"), "{refused}");
        }
    }
}
