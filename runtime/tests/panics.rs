//! A panic in any thread ends the process, with a message that names the record that was being decided.

use std::process::Command;
use std::sync::mpsc::channel;

use contract::log::{Epoch, Position, Topic};
use millrace_runtime::dataflow::{Dataflow, Yield};
use millrace_runtime::panics;
use millrace_runtime::queue::Depth;
use millrace_runtime::state::State;

/// Runs a test of this file in a process of its own; what it said, and whether it ended well.
fn child(test: &str) -> (String, bool) {
    let this = std::env::current_exe().expect("a test knows its program");
    let output = Command::new(this)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .output()
        .expect("the program of this test starts");
    (
        String::from_utf8_lossy(&output.stderr).into_owned(),
        output.status.success(),
    )
}

#[test]
#[ignore = "ends its process: run by the test below"]
fn child_whose_worker_panics() {
    panics::abort_on_panic();
    let (to, heard) = channel::<Yield>();
    let mut dataflow = Dataflow::start(2, Depth::default(), to, State::default()).expect("threads start");
    // An epoch without its clock can't be decided.
    dataflow.close(Epoch(1));
    let _ = dataflow.spare();
    dataflow.feed(Epoch(2), millrace_runtime::chunk::Raw::default());
    dataflow.close(Epoch(2));
    for _ in heard {}
}

#[test]
fn a_worker_that_panics_takes_the_process_with_it() {
    let (said, well) = child("child_whose_worker_panics");
    assert!(!well, "{said}");
    assert!(said.contains("a fault of ours"), "{said}");
    assert!(said.contains("epoch 2 ended"), "{said}");
}

#[test]
#[ignore = "ends its process: run by the test below"]
fn child_that_panics_while_deciding() {
    panics::abort_on_panic();
    panics::at(Some(Position {
        topic: Topic::Orders,
        partition: 3,
        offset: 41,
    }));
    panic!("held is more than on_hand");
}

#[test]
fn the_record_that_was_being_decided_is_named() {
    let (said, well) = child("child_that_panics_while_deciding");
    assert!(!well, "{said}");
    assert!(
        said.contains("while deciding orders/3/41: held is more than on_hand"),
        "{said}"
    );
    assert!(said.contains("millrace up --skip orders/3/41"), "{said}");
}
