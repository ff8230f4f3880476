//! Brokers that are spoken to over TLS, and who we are there: it works with what is right, and each thing that is
//! wrong is told in time, with what is to be done.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use brokers::Security;
use millrace_streams::kafka::Config;
use millrace_streams::{Batch, KafkaLog, Log as _};
use servers::kafka::{Kafka, USER, own_with_tls};

use crate::{config, open, read_to};

/// How long is waited where it can't work.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A directory of its own, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("millrace-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A certificate that has nothing to do with the broker's.
fn stranger(scratch: &Scratch) -> String {
    let path = scratch.0.join("stranger.pem");
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=stranger",
        ])
        .args([
            Path::new("-keyout"),
            &scratch.0.join("stranger.key"),
            Path::new("-out"),
            &path,
        ])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path.to_str().unwrap().to_owned()
}

/// An unsigned token that holds until so many seconds from now.
fn token(holds_s: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let claims = format!(
        r#"{{"sub":"millrace","iat":{},"exp":{}}}"#,
        now - 600,
        now + holds_s
    );
    format!(
        "{}.{}.",
        base64url(br#"{"alg":"none"}"#),
        base64url(claims.as_bytes())
    )
}

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for nth in 0..=three.len() {
            text.push(char::from(LETTERS[(bits >> (18 - 6 * nth) & 63) as usize]));
        }
    }
    text
}

/// Appends and reads.
fn works(config: &Config) {
    let mut config = config.clone();
    config.brokers.timeout = Duration::from_secs(30);
    let log = open(&config);
    let end = log.ends("orders").unwrap()[0];
    let mut batch = Batch::new(1);
    batch.push("orders", 0, None, Some(b"{}"));
    log.append(&batch).unwrap();
    assert_eq!(
        read_to(log.as_ref(), "orders", 0, end, u64::MAX).0.len(),
        1,
        "{config:?}"
    );
}

/// That opening fails in time, with these words.
fn is_refused(config: Config, words: &[&str]) {
    let (told, since) = (format!("{config:?}"), Instant::now());
    let error = KafkaLog::open(config).err().expect(&told).to_string();
    assert!(since.elapsed() < 2 * TIMEOUT, "{told} took {:?}", since.elapsed());
    for word in words {
        assert!(error.contains(word), "{told}: {error:?} says {word:?}");
    }
}

fn secured(kafka: &Kafka, mechanism: &str) -> Config {
    let mut config = config(kafka, "tls");
    config.brokers.timeout = TIMEOUT;
    config.brokers.addresses = kafka.sasl_tls_brokers();
    config.brokers.security = Security {
        protocol: "sasl_ssl".to_owned(),
        mechanism: mechanism.to_owned(),
        user: USER.0.to_owned(),
        password: USER.1.to_owned(),
        ca_file: kafka.ca_file().to_str().unwrap().to_owned(),
        token_file: String::new(),
    };
    config
}

#[test]
fn over_tls_it_works_with_what_is_right_and_what_is_wrong_is_told_in_time() {
    let test = "over_tls_it_works";
    let Some(kafka) = own_with_tls(test) else { return };
    let scratch = Scratch::new(test);
    let mut plain = secured(&kafka, "");
    plain.brokers.addresses = kafka.tls_brokers();
    plain.brokers.security.protocol = "ssl".to_owned();
    works(&plain);
    let mut wrong = plain.clone();
    wrong.brokers.security.ca_file = stranger(&scratch);
    is_refused(wrong, &["certificate", "kafka.ca_file"]);
    let mut wrong = plain.clone();
    wrong.brokers.security.ca_file = scratch.file("empty.pem", "no certificate");
    is_refused(wrong, &["kafka.ca_file"]);
    let mut wrong = plain.clone();
    wrong.brokers.security.protocol = "plaintext".to_owned();
    is_refused(wrong, &["kafka.security"]);
    let mut wrong = plain;
    wrong.brokers.addresses = kafka.brokers();
    is_refused(wrong, &["kafka.security"]);
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let right = secured(&kafka, mechanism);
        works(&right);
        let mut wrong = right;
        wrong.brokers.security.password = "wr0ng".to_owned();
        is_refused(wrong, &["uthentication failed", "kafka.password"]);
    }
    is_refused(
        secured(&kafka, "SCRAM-SHA-512"),
        &["kafka.sasl_mechanism", "SCRAM-SHA-256"],
    );
}

#[test]
fn a_token_opens_it_while_it_holds() {
    let test = "a_token_opens_it";
    let Some(kafka) = own_with_tls(test) else { return };
    let scratch = Scratch::new(test);
    let mut right = secured(&kafka, "OAUTHBEARER");
    right.brokers.security.token_file = scratch.file("token", &token(3600));
    // With a token topics can't be made.
    let missing = [
        "tls.operations",
        "tls.timeline",
        "1 partition",
        "kafka.topic_prefix",
    ];
    is_refused(right.clone(), &missing);
    works(&secured(&kafka, "PLAIN"));
    works(&right);
    let mut wrong = right.clone();
    wrong.brokers.security.token_file = scratch.file("expired", &token(-60));
    is_refused(wrong, &["invalid_token", "kafka.token_file"]);
    let mut wrong = right.clone();
    wrong.brokers.security.token_file = scratch.file("garbage", "no token");
    is_refused(wrong, &["kafka.token_file"]);
    let mut wrong = right;
    wrong.brokers.security.token_file = format!("{}/none", scratch.0.display());
    is_refused(wrong, &["kafka.token_file", "none", "No such file"]);
}
