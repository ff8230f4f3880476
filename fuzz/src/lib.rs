//! What the fuzz targets share: the independent judge of the contract's tests, and what makes a log's
//! directory of bytes.

pub mod disk;
pub mod forge;
#[path = "../../contract/tests/decode/judge.rs"]
pub mod judge;
#[expect(missing_docs, reason = "documented where the contract's tests use it")]
#[path = "../../contract/tests/decode/spec.rs"]
pub mod spec;
