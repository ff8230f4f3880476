//! The client that appends, which hears of each record what became of it; and what is said where nobody answers.

use std::error::Error;
use std::io::ErrorKind;

use brokers::Ear;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;

use super::appending::Ticket;
use crate::error::LogError;

/// An ear that hears of deliveries as well.
#[derive(Clone, Debug)]
pub struct Deliveries(pub Ear);

impl ClientContext for Deliveries {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = Ear::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.0.generate_oauth_token(config)
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        ticket.delivered(result);
    }
}

/// Nobody did what was asked, which may pass.
pub fn unanswered(what: impl Into<String>, why: impl std::fmt::Display) -> LogError {
    LogError::Io {
        what: what.into(),
        kind: ErrorKind::TimedOut,
        text: why.to_string(),
    }
}
