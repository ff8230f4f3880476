//! What the fuzz targets share: the independent judge of the contract's tests.

#[path = "../../contract/tests/decode/judge.rs"]
pub mod judge;
#[expect(missing_docs, reason = "documented where the contract's tests use it")]
#[path = "../../contract/tests/decode/spec.rs"]
pub mod spec;
