//! Making a client of a bucket.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::Bucket;
use super::guard::Connector;
use crate::checkpoint::answer::one_line;

/// What of the environment is heard: who we are, and where. How requests are sent is ours to say.
const ENVIRONMENT: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_METADATA_ENDPOINT",
];
/// The longest wait before a request is sent again.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is kept that nobody uses. Little: between two checkpoints nobody looks after it.
const IDLE: Duration = Duration::from_secs(20);

pub(super) fn open(bucket: &Bucket) -> Result<Arc<dyn ObjectStore>, String> {
    // Of several in one process the first counts; they are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (name, prefix) = bucket.names()?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_region("us-east-1")
        .with_virtual_hosted_style_request(!bucket.path_style)
        .with_http_connector(Connector)
        // One object at a time is enough, and not every server knows more.
        .with_disable_bulk_delete(true)
        .with_retry(retry(bucket))
        .with_client_options(options(bucket));
    for name in ENVIRONMENT {
        if let (Ok(value), Ok(key)) = (std::env::var(name), name.to_lowercase().parse())
            && !value.is_empty()
        {
            builder = builder.with_config(key, value);
        }
    }
    if !bucket.region.is_empty() {
        builder = builder.with_region(&bucket.region);
    }
    if let Some((scheme, host)) = bucket.server()? {
        let at = if bucket.path_style {
            String::new()
        } else {
            format!("{name}.")
        };
        builder = builder
            .with_endpoint(format!("{scheme}://{at}{host}"))
            .with_config(
                AmazonS3ConfigKey::Client(object_store::ClientConfigKey::AllowHttp),
                "true",
            );
    }
    let store = builder.build().map_err(|error| one_line(&error.to_string()))?;
    Ok(if prefix.is_empty() {
        Arc::new(store)
    } else {
        Arc::new(PrefixStore::new(store, prefix))
    })
}

fn retry(bucket: &Bucket) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            max_backoff: WAIT_MAX,
            ..BackoffConfig::default()
        },
        max_retries: bucket.retries,
        retry_timeout: bucket.timeout.saturating_mul(10),
    }
}

fn options(bucket: &Bucket) -> ClientOptions {
    ClientOptions::new()
        .with_timeout(bucket.timeout)
        .with_connect_timeout(CONNECT.min(bucket.timeout))
        .with_pool_idle_timeout(IDLE)
}
