//! What a store of objects said, as one of our kinds of trouble.
//!
//! Errors of object stores are typed only in part: which status and which code a server answered stands in
//! their text, where it is looked for. What is not recognised is [`Trouble::Failed`], and what it said is
//! told as it is.

use std::error::Error as StdError;
use std::io::ErrorKind;

use object_store::Error;

use super::error::Trouble;

/// So much of what a server says is passed on.
const WORDS_MAX: usize = 300;

/// What a server calls it if we may not. Some come with status 400.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AllAccessDisabled",
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];
/// What is asked of those who know who we are.
const WHO_WE_ARE: &[&str] = &["latest/api/token", "security-credentials", "AssumeRole"];
const NOBODY: &str = "there are no credentials: none of the AWS_ variables says who we are, and no instance metadata \
                      answers";
/// What a server calls it if it has too much to do.
const THROTTLED: &[&str] = &["SlowDown", "Throttling", "ThrottlingException", "TooManyRequests"];

/// An answer to what was asked, though it is not what was hoped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmet {
    /// There is no such object.
    Missing,
    /// There is one already.
    Taken,
    /// The store can't do that at all.
    Unable,
}

/// Reads what was answered: that it is so, or trouble, and what it says.
pub(super) fn read(error: &Error) -> Result<Unmet, (Trouble, String)> {
    let text = one_line(&error.to_string());
    let (status, code) = (status(&text), code(&text));
    if status.is_none() && WHO_WE_ARE.iter().any(|part| text.contains(part)) {
        return Err((Trouble::Denied, NOBODY.to_owned()));
    }
    match error {
        // Of a server only what it calls so counts: a gateway's 404 must not pass for a missing part.
        Error::NotFound { .. } if status.is_none() || code == Some("NoSuchKey") => return Ok(Unmet::Missing),
        Error::AlreadyExists { .. } | Error::Precondition { .. } => return Ok(Unmet::Taken),
        Error::NotImplemented { .. } | Error::NotSupported { .. } => return Ok(Unmet::Unable),
        _ if status == Some(501) => return Ok(Unmet::Unable),
        _ => {}
    }
    let trouble = match (status, code) {
        (_, Some("NoSuchBucket")) | (Some(404), None) => Trouble::NoBucket,
        (_, Some(code)) if DENIED.contains(&code) => Trouble::Denied,
        (Some(401 | 403), _) => Trouble::Denied,
        (_, Some(code)) if THROTTLED.contains(&code) => Trouble::Throttled,
        (Some(429 | 503), _) => Trouble::Throttled,
        (_, Some("RequestTimeout")) => Trouble::TimedOut,
        // Every object of theirs has these headers.
        (None, None) if text.contains("Header missing from response") => Trouble::Garbled,
        _ => transport(error),
    };
    Err((trouble, said(trouble, status, code, &text)))
}

fn said(trouble: Trouble, status: Option<u16>, code: Option<&str>, text: &str) -> String {
    let answer = match (status, code) {
        (Some(status), Some(code)) => format!(" ({status} {code})"),
        (Some(status), None) => format!(" ({status})"),
        (None, _) => String::new(),
    };
    let what = match trouble {
        Trouble::Denied if status.is_some() => "access was denied",
        Trouble::NoBucket => "there is no such bucket",
        Trouble::TimedOut => "it did not answer in time",
        Trouble::Cut => "its answer ended half-way",
        Trouble::Garbled => "what answers is no S3 server",
        Trouble::Throttled => "it is asked too much",
        Trouble::Unreachable => "nobody answers there",
        _ => return short(text),
    };
    format!("{what}{answer}")
}

/// What kind of trouble it is if no server's answer says so.
fn transport(error: &Error) -> Trouble {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = source {
        #[cfg(feature = "s3")]
        if let Some(trouble) = http(cause) {
            return trouble;
        }
        if let Some(cause) = cause.downcast_ref::<std::io::Error>() {
            match cause.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => return Trouble::Denied,
                ErrorKind::NotADirectory | ErrorKind::IsADirectory => return Trouble::Unusable,
                ErrorKind::TimedOut => return Trouble::TimedOut,
                _ => {}
            }
        }
        source = cause.source();
    }
    Trouble::Failed
}

#[cfg(feature = "s3")]
fn http(cause: &(dyn StdError + 'static)) -> Option<Trouble> {
    use object_store::client::{HttpError, HttpErrorKind};

    use super::bucket::Stranger;

    if cause.is::<Stranger>() {
        return Some(Trouble::Garbled);
    }
    match cause.downcast_ref::<HttpError>()?.kind() {
        HttpErrorKind::Connect => Some(Trouble::Unreachable),
        HttpErrorKind::Timeout => Some(Trouble::TimedOut),
        // What was sent is asked for again where it had not arrived; what comes back is cut.
        HttpErrorKind::Interrupted | HttpErrorKind::Request | HttpErrorKind::Decode => Some(Trouble::Cut),
        _ => None,
    }
}

/// The status that a server answered, if one did.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

/// What a server calls what is wrong.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_word = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_word.then_some(code)
}

/// A text in one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn short(text: &str) -> String {
    match text.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Error {
        let (store, source) = ("S3", text.into());
        Error::Generic { store, source }
    }

    fn missing(text: &str) -> Error {
        let (path, source) = ("a".to_owned(), text.into());
        Error::NotFound { path, source }
    }

    #[test]
    fn what_a_server_calls_it_decides_else_its_status() {
        let said = |status: &str, code: &str| {
            of(&format!(
                "Error performing GET http://x/ in 1ms - Server returned non-2xx status code: {status}: \
                 <Error><Code>{code}</Code></Error>"
            ))
        };
        for (status, code, wanted) in [
            ("403 Forbidden", "AccessDenied", Trouble::Denied),
            ("403 Forbidden", "?!", Trouble::Denied),
            ("400 Bad Request", "ExpiredToken", Trouble::Denied),
            ("404 Not Found", "NoSuchBucket", Trouble::NoBucket),
            ("503 Service Unavailable", "SlowDown", Trouble::Throttled),
            ("429 Too Many Requests", "", Trouble::Throttled),
            ("500 Internal Server Error", "InternalError", Trouble::Failed),
        ] {
            let (trouble, what) = read(&said(status, code)).expect_err("it is trouble");
            assert_eq!(trouble, wanted, "{status} {code}: {what}");
            assert!(what.contains(&status[..3]), "{what}");
        }
    }

    #[test]
    fn only_an_object_that_a_store_says_is_missing_is_missing() {
        let is_missing = |text| read(&missing(text)) == Ok(Unmet::Missing);
        assert!(is_missing("No data in memory found"));
        assert!(is_missing(
            "non-2xx status code: 404 Not Found: <Code>NoSuchKey</Code>"
        ));
        assert!(!is_missing(
            "non-2xx status code: 404 Not Found: <Code>NoSuchBucket</Code>"
        ));
        assert!(!is_missing(
            "non-2xx status code: 404 Not Found: <html>no such page</html>"
        ));
    }
}
