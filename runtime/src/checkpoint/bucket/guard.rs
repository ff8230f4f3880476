//! What answers must be a store of objects.
//!
//! Any page that is well-formed reads as a list of nothing, and any page at all as an object: the page of a
//! network that wants a login would have us believe that there is no checkpoint, or that all are damaged, and
//! replay everything. So a list has to call itself one, and an object must come with the tag that every store
//! gives it.

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};

/// What a list is called.
const LIST: &[u8] = b"<ListBucketResult";
/// What a request for one says.
const ASKED: &str = "list-type=2";
/// How what is asked of the store is signed; what is asked of others, such as who we are, is not.
const SIGNED: &[u8] = b"AWS4-";

/// What answered is no store of objects.
#[derive(Debug, thiserror::Error)]
#[error("what answers is no S3 server")]
pub(in crate::checkpoint) struct Stranger;

/// Makes clients that look who answers.
#[derive(Debug, Default)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Looking(client)))
    }
}

#[derive(Debug)]
struct Looking(HttpClient);

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    List,
    Object,
    /// Something that is not read.
    Other,
}

fn asked(request: &HttpRequest) -> Asked {
    let signature = request.headers().get("authorization");
    let is_signed = signature.is_some_and(|value| value.as_bytes().starts_with(SIGNED));
    if request.method().as_str() != "GET" || !is_signed {
        return Asked::Other;
    }
    let query = request.uri().query().unwrap_or_default();
    match query.split('&').any(|part| part == ASKED) {
        true => Asked::List,
        false => Asked::Object,
    }
}

#[async_trait]
impl HttpService for Looking {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked = asked(&request);
        let answer = self.0.execute(request).await?;
        if !answer.status().is_success() {
            return Ok(answer);
        }
        match asked {
            Asked::Object if !answer.headers().contains_key("etag") => Err(stranger()),
            Asked::List => list(answer).await,
            Asked::Object | Asked::Other => Ok(answer),
        }
    }
}

fn stranger() -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, Stranger)
}

/// Takes only a list.
async fn list(answer: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (head, body) = answer.into_parts();
    // What was cut can be asked for again.
    let bytes = body.bytes().await.map_err(|error| match error.kind() {
        HttpErrorKind::Decode => HttpError::new(HttpErrorKind::Interrupted, error),
        _ => error,
    })?;
    if bytes.windows(LIST.len()).any(|at| at == LIST) {
        return Ok(HttpResponse::from_parts(head, bytes.into()));
    }
    Err(stranger())
}
