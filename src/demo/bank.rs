//! The bank of the demo's customers: it reads unanswered commands from the view `payment_commands` and says
//! what came of them, as a payment provider's connector does.

use std::time::Duration;

use bench::draw::Random;
use contract::log::Topic;
use serde_json::{Value, json};

use super::customers::BREATH;
use crate::Failure;
use crate::client::{Ask, Client};

/// How often it looks.
const LOOK: Duration = Duration::from_millis(300);

/// The customers' bank.
pub struct Bank {
    client: Client,
    random: Random,
    /// What it said last.
    token: Option<String>,
}

impl Bank {
    /// One that draws from `seed`.
    pub fn new(client: Client, seed: u64) -> Bank {
        Bank {
            client,
            random: Random(seed),
            token: None,
        }
    }

    /// Answers what is asked, again and again.
    pub async fn live(&mut self) {
        loop {
            if let Err(failure) = self.answer().await {
                tracing::warn!("the bank can't answer: {failure}");
                tokio::time::sleep(BREATH).await;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Answers what is unanswered.
    async fn answer(&mut self) -> Result<(), Failure> {
        let mut ask = Ask::get("/v1/views/payment_commands?answered=false&limit=200");
        if let Some(token) = &self.token {
            // What was answered already must not be seen again.
            ask = ask.with("millrace-after", token.clone());
        }
        let commands = self.client.send(&ask).await?.json();
        let items = commands["items"].as_array();
        let answers: Vec<String> = items
            .into_iter()
            .flatten()
            .map(|item| self.verdict(item).to_string())
            .collect();
        if answers.is_empty() {
            return Ok(());
        }
        let ask = Ask::lines(Topic::Payments.name(), answers.join("\n"));
        let said = self.client.send(&ask).await?.json();
        self.token = said["token"].as_str().map(str::to_owned);
        Ok(())
    }

    fn verdict(&mut self, command: &Value) -> Value {
        let mut answer = json!({
            "order_id": command["order_id"], "payment_key": command["payment_key"],
            "amount": command["amount"], "currency": command["currency"],
        });
        let kind = if command["kind"] == "refund" {
            answer["refund_id"] = command["refund_id"].clone();
            "payment_refunded"
        } else if self.random.below(100) < 5 {
            answer["code"] = json!("card_declined");
            answer["message"] = json!("The bank declined the card.");
            "payment_declined"
        } else {
            "payment_confirmed"
        };
        answer["type"] = json!(kind);
        answer
    }
}
