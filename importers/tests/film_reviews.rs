//! Sixty thousand real reviews: every line is accounted for, every record can be used, and bad input is told.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use std::io::Write;

use contract::log::History;
use contract::value::Value;
use contract::views::{self, View};
use flate2::Compression;
use flate2::write::GzEncoder;
use millrace_importers::film_reviews::{Input, ReviewsError, SAMPLE, Shares, import, read};
use oracle::replay;

/// Among the columns after the key.
const VERIFIED: usize = views::review_documents::verified_purchase - 1;
const HEADER: &str = "review_id\tmovie_id\trating\tdate\tauthor\treview\n";

fn records(log: &History) -> Vec<(Vec<u8>, Vec<u8>)> {
    let of = |index| {
        log.records(index)
            .map(|r| (r.key.unwrap().to_vec(), r.value.unwrap().to_vec()))
    };
    (0..log.timeline().len()).flat_map(of).collect()
}

#[test]
fn each_line_of_the_sample_is_a_review_and_the_rules_take_each_record() {
    let input = read(SAMPLE).unwrap();
    assert_eq!((input.lines.len(), input.listed.len()), (60_000, 0));
    let mut input = input;
    // The oracle is slow; every tenth is enough of it.
    input.lines = input.lines.into_iter().step_by(10).collect();
    let imported = import(&input, 4, Shares::default());
    assert_eq!((imported.posted, imported.repeated), (6000, 0));
    let shares = [
        (imported.edited, 10),
        (imported.deleted, 5),
        (imported.orders, 40),
    ];
    for (count, percent) in shares {
        assert!(
            count.abs_diff(60 * percent) < 150,
            "{count} of 6000, not {percent} %"
        );
    }
    let oracle = replay(&imported.log);
    let tables = oracle.tables();
    assert!(tables.rows(View::Quarantine).is_empty());
    assert!(tables.rows(View::Audits).is_empty());
    let documents = tables.rows(View::ReviewDocuments);
    assert_eq!(documents.len() as u64, imported.posted - imported.deleted);
    let verified = documents
        .iter()
        .filter(|(_, row)| row[VERIFIED] == Value::Bool(true));
    let verified = verified.count() as u64;
    assert!(
        verified > imported.orders / 2 && verified < imported.orders,
        "{verified}"
    );
}

#[test]
fn the_same_input_gives_the_same_log() {
    let input = read(SAMPLE).unwrap();
    let once = import(&input, 3, Shares::default());
    let again = import(&input, 3, Shares::default());
    assert!(once.log.timeline() == again.log.timeline());
    assert!(records(&once.log) == records(&again.log));
}

fn listed(line: &str) -> Option<&'static str> {
    let good = "1\t2\t10\t15.02.21\ta****\t좋아요\n";
    let input = read(format!("{HEADER}{good}{line}\n").as_bytes()).unwrap();
    assert_eq!(input.lines[0].text, "좋아요");
    assert_eq!(input.lines[0].customer_id, "a=2A=2A=2A=2A");
    assert_eq!(input.lines.len() + input.listed.len(), 2, "nothing is lost");
    input.listed.first().map(|listed| {
        assert_eq!(listed.line, 3);
        listed.reason
    })
}

#[test]
fn a_line_that_alone_is_bad_is_listed_and_nothing_beside_it_is_lost() {
    let long = "x".repeat(4001);
    let endless = "x".repeat(100_000);
    for (line, reason) in [
        ("", "it has not six columns".to_owned()),
        ("2\t2\t10\t15.02.21\ta", "it has not six columns".to_owned()),
        ("2\t2\t0\t15.02.21\ta\tx", "the rating is not 1 to 10".to_owned()),
        ("2\t2\t11\t15.02.21\ta\tx", "the rating is not 1 to 10".to_owned()),
        ("2\t2\t-1\t15.02.21\ta\tx", "the rating is no number".to_owned()),
        ("2\t2\t1\t15.02.30\ta\tx", "the date is not YY.MM.DD".to_owned()),
        ("2\t2\t1\t2015.02.21\ta\tx", "the date is not YY.MM.DD".to_owned()),
        ("\t2\t1\t15.02.21\ta\tx", "an id is empty or too long".to_owned()),
        (
            "2\t2\t1\t15.02.21\t가가가가가가가가\tx",
            "an id is empty or too long".to_owned(),
        ),
        (
            &format!("2\t2\t1\t15.02.21\ta\t{long}"),
            "the text is too long, or holds U+0000".to_owned(),
        ),
        (
            &format!("2\t2\t1\t15.02.21\ta\t{endless}"),
            "it is too long".to_owned(),
        ),
    ] {
        assert_eq!(listed(line), Some(reason.as_str()), "{line:.60}");
    }
    for line in ["2\t2\t1\t15.02.21\ta\t", "2\t2\t1\t16.02.29\t가\t👍🏽 e\u{301}\r"] {
        assert_eq!(listed(line), None, "{line}");
    }
    let lone: &[u8] = b"review_id\tmovie_id\trating\tdate\tauthor\treview\n1\t2\t1\t15.02.21\ta\t\xff\n";
    assert!(
        matches!(read(lone), Err(ReviewsError::NothingUsable { first: Some(why) }) if why.contains("UTF-8"))
    );
}

#[test]
fn a_file_that_is_none_of_these_is_refused_with_what_to_do() {
    for bytes in [&b""[..], b"x", b"a,b,c\n1,2,3\n", b"PK\x03\x04", b"\xff\xfe\n"] {
        let refused: Result<Input, ReviewsError> = read(bytes);
        assert!(
            matches!(refused, Err(ReviewsError::OtherColumns { .. })),
            "{refused:?}"
        );
    }
    assert!(matches!(
        read(HEADER.as_bytes()),
        Err(ReviewsError::NothingUsable { first: None })
    ));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(HEADER.as_bytes()).unwrap();
    for number in 0..5000 {
        writeln!(gzip, "{number}\t2\t10\t15.02.21\ta\tx").unwrap();
    }
    let gzip = gzip.finish().unwrap();
    assert_eq!(read(&gzip[..]).unwrap().lines.len(), 5000);
    let cut = read(&gzip[..gzip.len() / 2]);
    assert!(matches!(cut, Err(ReviewsError::Io { .. })), "{cut:?}");
}

#[test]
fn a_review_that_repeats_an_id_is_counted_and_left_out() {
    let line = "1\t2\t10\t15.02.21\ta\tx\n";
    let input = read(format!("{HEADER}{line}{line}").as_bytes()).unwrap();
    let imported = import(&input, 1, Shares::default());
    assert_eq!((imported.posted, imported.repeated), (1, 1));
}
