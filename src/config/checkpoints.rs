//! The settings of checkpoints: when they are taken, and where they lie.

use std::path::Path;
use std::time::Duration;

use runtime::Checkpoints;
use runtime::checkpoint::{Bucket, Place, Policy, is_bucket};

use super::Config;
use crate::Failure;

impl Config {
    /// Where checkpoints are kept, and when they are taken; none if they are not.
    pub fn checkpoints(&self) -> Result<Option<Checkpoints>, Failure> {
        let interval_s = self.number("checkpoint.interval_s");
        if interval_s == 0 {
            return Ok(None);
        }
        let policy = Policy {
            interval_ms: interval_s * 1000,
            records_max: self.number("checkpoint.records_max"),
            keep: self.checkpoints_kept(),
        };
        Ok(Some(Checkpoints {
            place: self.checkpoint_place()?,
            policy,
            trims_log: self.flag("checkpoint.trim_log"),
            patience_ms: self.number("checkpoint.patience_s") * 1000,
        }))
    }

    /// Where checkpoints are kept.
    pub fn checkpoint_place(&self) -> Result<Place, Failure> {
        self.check()?;
        let place = match (self.bucket(), self.text("checkpoint.location")) {
            (Some(bucket), _) => bucket.place(),
            (None, "") => Place::directory(&self.data().join("checkpoints")),
            (None, path) => Place::directory(Path::new(path)),
        };
        place.map_err(|error| Failure::Undone(error.to_string()))
    }

    /// The bucket that checkpoints are kept in; none if they are kept in a directory.
    fn bucket(&self) -> Option<Bucket> {
        let location = self.text("checkpoint.location");
        is_bucket(location).then(|| Bucket {
            location: location.to_owned(),
            endpoint: self.text("checkpoint.s3_endpoint").to_owned(),
            region: self.text("checkpoint.s3_region").to_owned(),
            path_style: self.flag("checkpoint.s3_path_style"),
            allow_http: self.flag("checkpoint.s3_allow_http"),
            timeout: Duration::from_secs(self.number("checkpoint.timeout_s")),
            retries: usize::try_from(self.number("checkpoint.retries")).unwrap_or(usize::MAX),
        })
    }

    /// Whether there can be such a place. Nobody is asked.
    pub(super) fn check_location(&self) -> Result<(), Failure> {
        let location = self.text("checkpoint.location");
        match self.bucket() {
            Some(bucket) => bucket.check().map_err(Failure::Usage),
            None if location.contains("://") => Err(Failure::Usage(format!(
                "checkpoint.location {location} is neither a directory nor s3://BUCKET/PREFIX"
            ))),
            None => Ok(()),
        }
    }

    /// How many checkpoints are kept.
    pub fn checkpoints_kept(&self) -> usize {
        usize::try_from(self.number("checkpoint.keep")).unwrap_or(usize::MAX)
    }
}
