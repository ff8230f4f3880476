//! Records as meant: fields with values, before it is decided how they are written.

use contract::log::Topic;
use contract::time::Time;

use crate::schema::{self, TypeSpec};

/// A value as meant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum J {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    /// Written as any of the texts that mean the instant.
    At(Time),
    List(Vec<J>),
    Object(Vec<(&'static str, J)>),
    /// Written as it is: values no field may have.
    Raw(String),
}

impl J {
    pub fn text(text: impl Into<String>) -> J {
        J::Text(text.into())
    }
}

/// A record's value as meant.
#[derive(Clone, Debug)]
pub(crate) struct Doc {
    pub spec: &'static TypeSpec,
    pub fields: Vec<(&'static str, J)>,
}

impl Doc {
    /// A record of the type, without fields.
    ///
    /// # Panics
    /// If there is no such type.
    pub fn new(name: &str) -> Doc {
        let spec = schema::TYPES.iter().find(|t| t.name == name);
        Doc {
            spec: spec.expect("the schema knows every type that is made"),
            fields: Vec::new(),
        }
    }

    /// With a field.
    pub fn with(mut self, name: &'static str, value: J) -> Doc {
        self.set(name, value);
        self
    }

    /// With a text.
    pub fn text(self, name: &'static str, value: &str) -> Doc {
        self.with(name, J::text(value))
    }

    /// With a whole number.
    pub fn int(self, name: &'static str, value: i64) -> Doc {
        self.with(name, J::Int(value))
    }

    /// With a field if there is a value for it.
    pub fn maybe(self, name: &'static str, value: Option<J>) -> Doc {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Sets a field.
    pub fn set(&mut self, name: &'static str, value: J) {
        match self.fields.iter_mut().find(|f| f.0 == name) {
            Some(field) => field.1 = value,
            None => self.fields.push((name, value)),
        }
    }

    /// Takes a field away.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|f| f.0 != name);
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&J> {
        self.fields.iter().find(|f| f.0 == name).map(|f| &f.1)
    }

    /// The stream it belongs on.
    pub fn topic(&self) -> Topic {
        self.spec.topic
    }

    /// The key that it must have, if its key field is a text.
    pub fn key(&self) -> Option<Vec<u8>> {
        if self.spec.topic == Topic::Operations {
            return Some(b"operations".to_vec());
        }
        match self.get(self.spec.key) {
            Some(J::Text(text)) => Some(text.clone().into_bytes()),
            _ => None,
        }
    }
}
