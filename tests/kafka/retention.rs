//! What retention has removed, and a start needs: it is named, with the way out, and nothing is damaged by asking.

use std::fs;

use contract::log::Topic;
use servers::kafka::Kafka;
use streams::{KafkaLog, Log as _};

use super::common::{Dir, text};
use super::{Feed, Shop, broker, delete, get, until, wait_for_all};

/// That a command fails as what can't be done does, with these words.
fn is_refused(shop: &Shop, args: &[&str], words: &[&str]) {
    let output = shop.run(args);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{args:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{args:?}: {said:?} says {word:?}");
    }
}

/// A shop with a checkpoint; ends of orders that it holds for certain, and that it does not hold.
fn shop(kafka: &Kafka, test: &str) -> (Shop, KafkaLog, [Vec<u64>; 2]) {
    let mut shop = Shop::new(kafka, test, test, 2);
    let often = |shop: &mut Shop, interval_s: &str| {
        let interval = ("MILLRACE_CHECKPOINT_INTERVAL_S", interval_s.to_owned());
        shop.environment.retain(|(name, _)| *name != interval.0);
        shop.environment.push(interval);
    };
    often(&mut shop, "1");
    let mut feed = Feed::new(&shop, 12);
    feed.send(10);
    let up = shop.up(&[]);
    wait_for_all(&up, &feed);
    let (epoch, checkpointed) = (up.frontier().unwrap().epoch.0, feed.log.ends("orders").unwrap());
    // Until a checkpoint holds all of that.
    let mut covered = 0;
    while covered <= epoch {
        feed.send(1);
        let line = up.wait_for("checkpoint epoch=");
        let said = line.split("checkpoint epoch=").nth(1).unwrap();
        covered = said.split_whitespace().next().unwrap().parse().unwrap();
    }
    wait_for_all(&up, &feed);
    up.stop();
    // From here on without another checkpoint.
    often(&mut shop, "86400");
    let newest = feed.log.ends("orders").unwrap();
    feed.send(20);
    let up = shop.up(&[]);
    wait_for_all(&up, &feed);
    up.stop();
    shop.verify();
    (shop, feed.log, [checkpointed, newest])
}

/// Everything that the timeline and the view store hold.
fn held(shop: &Shop, log: &KafkaLog) -> (Vec<u64>, String) {
    let (frontier, tables) = shop.dir.stored();
    (log.ends("timeline").unwrap(), format!("{frontier:?} {tables:?}"))
}

#[test]
fn records_that_were_removed_and_are_needed_are_named_and_nothing_is_written() {
    let test = "records_that_were_removed";
    let Some(kafka) = broker(test) else { return };
    let (shop, log, [checkpointed, newest]) = shop(kafka, test);
    let ends = log.ends("orders").unwrap();
    let up_here = ["up", "--listen", "127.0.0.1:0"];
    // What a checkpoint covers may go.
    log.trim("orders", 0, checkpointed[0]).unwrap();
    let begins = format!("orders/0 begins at offset {}", checkpointed[0]);
    let up = shop.up(&[]);
    until("it is ready", || get(&up, "/readyz").0 == 200);
    up.stop();
    shop.verify();
    is_refused(&shop, &["rebuild"], &["orders/0 was trimmed up to offset"]);
    // Who begins has no rows to go on from.
    let fresh = Shop {
        dir: Dir::new("records_that_were_removed.fresh"),
        brokers: shop.brokers.clone(),
        prefix: shop.prefix.clone(),
        partitions: shop.partitions,
        environment: shop.environment.clone(),
    };
    is_refused(&fresh, &up_here, &[&begins, "no checkpoint", "new log"]);
    // What came after it may not.
    let partition = usize::from(ends[1] > newest[1]);
    assert!(ends[partition] > newest[partition], "{ends:?}");
    let gone = newest[partition] + 1;
    log.trim("orders", u32::try_from(partition).unwrap(), gone)
        .unwrap();
    let before = held(&shop, &log);
    let needs = format!("it needs orders/{partition} from offset ");
    let until = format!(" to {}", gone - 1);
    let begins = format!("orders/{partition} begins at offset {gone}");
    is_refused(&shop, &up_here, &[&begins, &needs, &until, "newer checkpoint"]);
    is_refused(&shop, &["verify"], &[&begins, &needs, &until]);
    is_refused(&shop, &["rebuild"], &["orders/0 was trimmed up to offset"]);
    // Without any checkpoint.
    let (checkpoints, aside) = (shop.dir.0.join("checkpoints"), shop.dir.0.join("aside"));
    fs::rename(&checkpoints, &aside).unwrap();
    is_refused(&shop, &up_here, &[&begins, "there is no checkpoint"]);
    is_refused(&shop, &["verify"], &[&begins, "there is no checkpoint"]);
    fs::remove_dir_all(&checkpoints).ok();
    fs::rename(&aside, &checkpoints).unwrap();
    assert_eq!(held(&shop, &log), before, "whoever was refused wrote something");
}

#[test]
fn a_timeline_whose_beginning_was_removed_is_named() {
    let test = "a_timeline_whose_beginning";
    let Some(kafka) = broker(test) else { return };
    let (shop, log, _) = shop(kafka, test);
    let end = log.ends("timeline").unwrap()[0];
    log.trim("timeline", 0, end - 1).unwrap();
    let before = held(&shop, &log);
    let words = [
        &format!("timeline/0 begins at offset {}", end - 1),
        "timeline/0 from offset",
    ];
    is_refused(&shop, &["up", "--listen", "127.0.0.1:0"], &words);
    is_refused(&shop, &["verify"], &words);
    is_refused(&shop, &["rebuild"], &["timeline/0 was trimmed up to offset"]);
    assert_eq!(held(&shop, &log), before, "whoever was refused wrote something");
}

#[test]
fn a_topic_that_is_deleted_and_made_anew_under_it_stalls_it_and_is_refused_then() {
    let test = "a_topic_that_is_deleted_and_made_anew";
    let Some(kafka) = broker(test) else { return };
    for (partitions, words) in [
        (1, &["orders/0", "it ends at offset 0", "deleted and made anew"]),
        (3, &["orders", "deleted and made anew", "offset"]),
    ] {
        let prefix = format!("{test}.{partitions}");
        let shop = Shop::new(kafka, &prefix, &prefix, 1);
        let mut feed = Feed::new(&shop, 13);
        feed.send(15);
        let up = shop.up(&[]);
        wait_for_all(&up, &feed);
        let topic = format!("{prefix}.orders");
        delete(kafka, &topic);
        until("it stalls", || get(&up, "/readyz").0 == 503);
        kafka
            .tool(
                "org.apache.kafka.tools.TopicCommand",
                &[
                    "--create",
                    "--topic",
                    &topic,
                    "--partitions",
                    &partitions.to_string(),
                ],
            )
            .unwrap();
        until("it says why", || {
            let (status, body) = get(&up, "/readyz");
            status == 503 && words.iter().all(|word| body.contains(word))
        });
        let at = up.frontier().unwrap();
        assert_eq!(get(&up, "/v1/audits").0, 200, "the views are still read");
        up.kill();
        let words: &[&str] = if partitions == 1 {
            &["orders/0 ends at offset 0"]
        } else {
            &["orders has 3 partitions, not 1"]
        };
        for args in [&["up", "--listen", "127.0.0.1:0"][..], &["verify"]] {
            is_refused(&shop, args, words);
        }
        let (stored, _) = shop.dir.stored();
        assert_eq!(
            stored.unwrap().ends[Topic::Orders as usize],
            at.ends[Topic::Orders as usize]
        );
    }
}
