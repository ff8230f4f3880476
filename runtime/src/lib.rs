//! The running system.
