//! A client in another language, of its standard library alone, does what `docs/orders.md` describes.

use std::process::Command;

use crate::common::{Dir, Up, assert_well};

#[test]
fn a_client_in_python_places_pays_cancels_and_follows_orders() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3 here for tests/clients/python");
        return;
    }
    let dir = Dir::new("python");
    let up = Up::start(&dir);
    let mut client = Command::new("python3");
    client.arg("tests/clients/python/first_order.py");
    client.arg(format!("http://{}", up.address()));
    let output = client.output().expect("python3 was there");
    let said = assert_well(&output);
    assert!(said.starts_with("3 orders followed"), "{said}");
    up.stop();
    assert_well(&dir.run(&["verify"]));
}
