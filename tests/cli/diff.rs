//! `millrace diff` of running instances, which is followed until both are at one epoch.

use std::fs;

use crate::common::{Dir, Up, assert_refused, assert_well, millrace, order, text};

fn url(up: &Up) -> String {
    format!("http://{}", up.address())
}

/// A copy of a data directory that nothing runs on.
fn copy(dir: &Dir, test: &str) -> Dir {
    let to = Dir::new(test);
    for entry in fs::read_dir(&dir.0).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().expect("it has a name");
        if path.is_dir() {
            fs::create_dir_all(to.0.join(name)).expect("it can be made");
            for file in fs::read_dir(&path).expect("it can be listed") {
                let file = file.expect("it can be listed").path();
                let target = to.0.join(name).join(file.file_name().expect("it has a name"));
                fs::copy(&file, target).expect("it can be copied");
            }
        } else {
            fs::copy(&path, to.0.join(name)).expect("it can be copied");
        }
    }
    to
}

#[test]
fn running_instances_of_one_log_are_compared_at_one_epoch_while_they_go_on() {
    let dir = Dir::shop("diff-running");
    for number in 2..20 {
        dir.append("orders", &order(&format!("o{number}")));
    }
    dir.decide();
    let other = copy(&dir, "diff-running-other");
    let (first, second) = (Up::start(&dir), Up::start(&other));
    let [a, b] = [url(&first), url(&second)];
    for sides in [[&a, &a], [&a, &b]] {
        let said = assert_well(&millrace(&["diff", sides[0], sides[1]]));
        assert!(
            said.contains(" views at epoch") && said.ends_with(": 0 differences\n"),
            "{said}"
        );
        assert!(!said.starts_with("compared 0 rows"), "{said}");
    }
    assert_refused(
        &millrace(&["diff", &a, &b, "--at", "1"]),
        3,
        &["epoch 1 was passed"],
    );
    assert_refused(&millrace(&["diff", &a, dir.text()]), 2, &["back it up"]);
    second.stop();
    // One of them says something else.
    other.edit("UPDATE orders SET total = 6, reason = 'x' WHERE order_id = 'o7'");
    other.edit("DELETE FROM orders WHERE order_id = 'o8'");
    let second = Up::start(&other);
    let b = url(&second);
    let differ = millrace(&["diff", &a, &b]);
    let listed = text(&differ.stdout);
    assert_eq!(differ.status.code(), Some(1), "{listed}");
    let expected = [
        "orders o7: reason null | \"x\"; total 5 | 6",
        "orders o8: only in the first",
    ];
    for (line, expected) in listed.lines().zip(expected) {
        assert_eq!(line, expected);
    }
    assert!(listed.ends_with(": 2 differences\n"), "{listed}");
    first.stop();
    second.stop();
    assert_refused(&millrace(&["diff", &a, &b]), 3, &["does not answer"]);
    assert_refused(&millrace(&["diff", "ftp://a", &b]), 2, &["http://"]);
}
