//! What happens when the bucket does not do what it is asked: a passing error is never taken for damage, and
//! damage never for a passing error.

use super::moto::{BUCKET, Moto};
use super::proxy::{ALWAYS, Fault, Proxy, Rule};
use super::{Shop, get, place};
use crate::common::{assert_refused, assert_well, text};

fn rule(method: &'static str, path: &'static str, fault: Fault, times: u32) -> Option<Rule> {
    Some(Rule {
        method,
        path,
        fault,
        times,
    })
}

/// What goes wrong for good, and what is said of it.
const FAULTS: &[(Fault, &[&str])] = &[
    (Fault::Silent, &["did not answer in time", "checkpoint.timeout_s"]),
    (
        Fault::Says(403, "AccessDenied"),
        &["access was denied (403 AccessDenied)", "AWS_"],
    ),
    (
        Fault::Says(404, "NoSuchBucket"),
        &["there is no such bucket", "checkpoint.location"],
    ),
    (
        Fault::Says(503, "SlowDown"),
        &["asked too much (503 SlowDown)", "checkpoint.retries"],
    ),
    (Fault::Says(500, "InternalError"), &["500"]),
    (Fault::Half, &["half-way"]),
    (Fault::Lost, &["half-way"]),
    // Somebody else's page is no list and no object of the store's.
    (Fault::Garbage, &["no S3 server", "s3_endpoint"]),
];

/// A shop behind a proxy.
struct Behind {
    moto: Moto,
    proxy: Proxy,
    shop: Shop,
    /// Its checkpoints, newest first.
    ids: Vec<String>,
}

fn behind(test: &str) -> Option<Behind> {
    let moto = Moto::start(&format!("s3::faults::{test}"))?;
    let proxy = Proxy::start(moto.address());
    let shop = Shop::new(test, &proxy.endpoint());
    let ids = shop.with_checkpoints(2);
    Some(Behind {
        moto,
        proxy,
        shop,
        ids,
    })
}

#[test]
fn what_passes_is_told_with_bucket_object_and_remedy_and_is_never_called_damage() {
    let Some(Behind {
        proxy,
        shop,
        ids,
        moto: _moto,
    }) = behind("told")
    else {
        return;
    };
    for (fault, said) in FAULTS {
        for (what, path) in [
            ("listing", "list-type"),
            ("manifest", "/manifest"),
            ("part", ".lz4"),
        ] {
            proxy.rule(rule("GET", path, *fault, ALWAYS));
            let output = shop.run(&["checkpoints", "verify"]);
            let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
            assert_eq!(
                output.status.code(),
                Some(3),
                "{fault:?} of {what}: {stdout}{stderr}"
            );
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
            for part in said
                .iter()
                .copied()
                .chain([BUCKET, if what == "part" { ".lz4" } else { what }])
            {
                assert!(
                    stderr.contains(part),
                    "{fault:?} of {what}: {stderr:?} says {part:?}"
                );
            }
            if what == "part" {
                assert!(
                    stdout.contains("0 sound, 0 damaged, 2 not read"),
                    "{fault:?}: {stdout}"
                );
            }
        }
    }
    proxy.rule(None);
    assert!(assert_well(&shop.run(&["checkpoints", "verify"])).contains("2 sound, 0 damaged"));
    assert_eq!(shop.ids(), ids, "asking has changed nothing");
}

#[test]
fn a_start_waits_for_its_bucket_and_never_begins_with_less() {
    let Some(Behind {
        moto,
        proxy,
        mut shop,
        ids,
    }) = behind("starts")
    else {
        return;
    };
    // What passes in time costs time only: it begins after the newest.
    for (fault, path) in [
        (Fault::Says(503, "SlowDown"), "list-type"),
        (Fault::Half, ".lz4"),
        (Fault::Lost, "/manifest"),
    ] {
        proxy.rule(rule("GET", path, fault, 3));
        let up = shop.up(&[("RUST_LOG", "info"), ("MILLRACE_CHECKPOINT_PATIENCE_S", "60")]);
        assert_eq!(proxy.left(), 0, "{fault:?}: it has asked again");
        let ready = get(&up, "/readyz");
        let epoch: u64 = ids[0]
            .split('-')
            .next()
            .and_then(|id| id.parse().ok())
            .expect("an epoch");
        assert!(
            ready.contains(&format!("\"epoch\":{epoch}")),
            "{fault:?}: after {}: {ready}",
            ids[0]
        );
        up.stop();
    }
    // What stays ends the start, though an older checkpoint and the whole log are there.
    let newest: &'static str = Box::leak(format!("{}/", ids[0]).into_boxed_str());
    for (fault, said) in FAULTS {
        proxy.rule(rule("GET", newest, *fault, ALWAYS));
        // Longer than a request that is never answered, so that that is sent once more.
        shop.set("MILLRACE_CHECKPOINT_PATIENCE_S", "6");
        let refused = shop.run(&["up", "--listen", "127.0.0.1:0"]);
        let stderr = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(3), "{fault:?}: {stderr}");
        for part in *said {
            assert!(stderr.contains(part), "{fault:?}: {stderr:?} says {part:?}");
        }
        assert!(!stderr.contains("passed over"), "{fault:?}: {stderr}");
        let passes = !matches!(fault, Fault::Says(403 | 404, _));
        assert_eq!(stderr.contains("trying again"), passes, "{fault:?}: {stderr}");
        assert_eq!(stderr.contains("it was tried for"), passes, "{fault:?}: {stderr}");
    }
    proxy.rule(None);
    // What is really damaged is passed over: cut, changed, or gone though its manifest names it.
    let part = moto
        .list()
        .into_iter()
        .find(|key| key.contains(&ids[0]) && key.contains(".lz4"))
        .expect("it has parts");
    let good = moto.get(&part);
    for (how, bad) in [
        ("cut", Some(&good[..good.len() / 2])),
        ("changed", Some(&b"garbage"[..])),
        ("gone", None),
    ] {
        match bad {
            Some(bytes) => moto.put(&part, bytes),
            None => moto.delete(&part),
        }
        let verified = shop.run(&["checkpoints", "verify"]);
        assert_eq!(verified.status.code(), Some(1), "{how}");
        assert!(text(&verified.stdout).contains("1 sound, 1 damaged"), "{how}");
        let up = shop.up(&[]);
        up.stop();
    }
    moto.put(&part, &good);
    assert!(assert_well(&shop.run(&["checkpoints", "verify"])).contains("2 sound"));
    assert!(assert_well(&shop.run(&["verify"])).contains("0 differences"));
}

#[test]
fn without_a_bucket_there_is_one_line_and_status_3() {
    let Some(moto) = Moto::start("s3::faults::nothing_there") else {
        return;
    };
    let mut shop = Shop::new("nothing", &format!("http://{}", moto.address()));
    shop.set("MILLRACE_CHECKPOINT_LOCATION", "s3://nowhere/shop");
    let refused = shop.run(&["checkpoints", "list"]);
    assert_refused(&refused, 3, &["s3://nowhere/shop", "no such bucket"]);
    drop(moto);
    let refused = shop.run(&["checkpoints", "list"]);
    assert_refused(&refused, 3, &["nobody answers", "s3_endpoint"]);
}

#[test]
fn a_checkpoint_that_can_not_be_written_is_counted_and_leaves_nothing_while_the_shop_goes_on() {
    let Some(Behind {
        moto,
        proxy,
        shop,
        mut ids,
    }) = behind("written")
    else {
        return;
    };
    let often = [("MILLRACE_CHECKPOINT_INTERVAL_S", "1")];
    let mut orders = 2;
    for (fault, path) in [
        (Fault::Says(503, "SlowDown"), ".lz4"),
        (Fault::Says(403, "AccessDenied"), "/manifest"),
        (Fault::Silent, ".lz4"),
    ] {
        proxy.rule(rule("PUT", path, fault, ALWAYS));
        let up = shop.up(&often);
        orders += 1;
        place(&up, &format!("o{orders}"));
        let line = up.wait_for("no checkpoint was taken");
        assert!(line.contains(BUCKET), "{line}");
        // It goes on.
        orders += 1;
        place(&up, &format!("o{orders}"));
        let metrics = get(&up, "/metrics");
        let count = metrics
            .lines()
            .find_map(|line| line.strip_prefix("millrace_checkpoint_failures_total "));
        let count = count.and_then(|count| count.trim().parse::<u64>().ok());
        assert!(count >= Some(1), "{metrics}");
        let ready = get(&up, "/readyz");
        assert!(
            ready.starts_with("HTTP/1.1 200") && ready.contains("\"failed\":\"checkpoints in s3://"),
            "{ready}"
        );
        assert_eq!(
            shop.ids()[..],
            ids[..],
            "{fault:?}: nothing half-done counts, and nothing that counted is gone"
        );
        // Once it is well again, the next one is taken by itself.
        proxy.rule(None);
        orders += 1;
        place(&up, &format!("o{orders}"));
        up.wait_for("checkpoint epoch=");
        up.stop();
        let kept = shop.ids();
        assert_eq!(kept.len(), 2, "{kept:?}");
        let there = moto.list();
        let is_kept = |key: &String| kept.iter().any(|id| key.contains(id.as_str()));
        assert!(there.iter().all(is_kept), "{there:?} of {kept:?}");
        ids = kept;
    }
    assert!(assert_well(&shop.run(&["checkpoints", "verify"])).contains("2 sound, 0 damaged"));
}
