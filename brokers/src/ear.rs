//! What all clients of librdkafka do alike: they tell what goes wrong, and give the token that is asked for.

use std::error::Error;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;

/// How long a token is taken to hold, where it does not say so itself: then the file is read again.
const TOKEN_FOR: Duration = Duration::from_secs(300);

/// What went wrong last, for messages that would otherwise only say that nobody answered.
#[derive(Debug, Default)]
pub struct Complaints(Mutex<Option<String>>);

impl Complaints {
    fn hear(&self, what: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    /// The last one in brackets, as the end of a sentence; nothing if there is none.
    pub fn last(&self) -> String {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref()
            .map_or_else(String::new, |what| format!(" ({what}{})", remedy(what)))
    }
}

/// What is to be done about it, where that is known.
#[must_use]
pub fn remedy(what: &str) -> &'static str {
    const REMEDIES: &[(&str, &str)] = &[
        ("kafka.", ""),
        (
            "uthentication failed",
            "; check kafka.user and kafka.password, or the token in kafka.token_file",
        ),
        ("mechanism", "; check kafka.sasl_mechanism"),
        ("ssl.ca.location", "; check kafka.ca_file"),
        ("certificate", "; check kafka.ca_file"),
        ("security.protocol", "; check kafka.security and the port"),
        ("SSL", "; check kafka.security and the port"),
        ("token", "; check the token in kafka.token_file"),
    ];
    let known = REMEDIES.iter().find(|(said, _)| what.contains(said));
    known.map_or("", |(_, remedy)| remedy)
}

/// A client's ear; several clients may share one.
#[derive(Clone, Debug)]
pub struct Ear {
    /// What was heard.
    pub complaints: Arc<Complaints>,
    token_file: String,
}

impl Ear {
    pub(crate) fn new(token_file: &str) -> Ear {
        Ear {
            complaints: Arc::default(),
            token_file: token_file.to_owned(),
        }
    }

    /// A consumer that listens with this ear.
    ///
    /// # Errors
    /// If librdkafka does not take the settings.
    pub fn consumer(&self, client: &ClientConfig) -> KafkaResult<BaseConsumer<Ear>> {
        let consumer = client.create_with_context(self.clone())?;
        Ear::listen(&consumer);
        Ok(consumer)
    }

    /// Hears what a consumer has to say, and serves what it wants of us: without its token it does not get through.
    pub fn listen(consumer: &BaseConsumer<Ear>) {
        for _ in 0..16 {
            let _ = consumer.poll(Duration::ZERO);
        }
    }
}

impl ClientContext for Ear {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Emerg, Error, Warning};
        match level {
            // What cannot be helped is told once, by who waits for it.
            Emerg | Alert | Critical | Error | Warning => {
                tracing::debug!(facility, message, "Kafka's client");
                if facility == "FAIL" {
                    self.complaints.hear(message.to_owned());
                }
            }
            _ => tracing::trace!(facility, message, "Kafka's client"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka's client");
        // That all are down is no reason why.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.complaints.hear(reason.to_owned());
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let read = fs::read_to_string(&self.token_file);
        let token = read.map_err(|error| format!("kafka.token_file {}: {error}", self.token_file))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let lifetime_ms = i64::try_from((now + TOKEN_FOR).as_millis())?;
        Ok(OAuthToken {
            token: token.trim().to_owned(),
            principal_name: "millrace".to_owned(),
            lifetime_ms,
        })
    }
}

impl ConsumerContext for Ear {}

impl ProducerContext for Ear {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}
