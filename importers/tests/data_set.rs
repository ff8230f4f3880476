//! The data set itself: December 2010 from the repository, and the whole file where `MILLRACE_ONLINE_RETAIL`
//! names it.

#![allow(clippy::unwrap_used, reason = "a test that is surprised fails")]

mod common;

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Write};

use common::check;
use contract::log::History;
use millrace_importers::online_retail::{
    DECEMBER_2010, Import, Input, Mapped, Options, Reason, december_2010, import, read,
};

fn bytes(log: &History) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, binding) in log.timeline().iter().enumerate() {
        bytes.extend(format!("{binding:?}").bytes());
        for record in log.records(index) {
            bytes.extend(format!("{:?}", record.at).bytes());
            bytes.extend(record.key.unwrap());
            bytes.extend(record.value.unwrap());
        }
    }
    bytes
}

fn mapped(import: &Import) -> Vec<(Mapped, u64)> {
    import
        .report
        .mapped
        .iter()
        .map(|(mapped, lines)| (*mapped, *lines))
        .collect()
}

fn listed(import: &Import) -> Vec<(Reason, usize)> {
    import
        .report
        .listed
        .iter()
        .map(|(reason, lines)| (*reason, lines.len()))
        .collect()
}

fn december() -> Input {
    december_2010().unwrap()
}

#[test]
fn every_line_of_december_is_accounted_for_and_every_order_pays_the_price_of_its_moment() {
    let import = import(&december(), &Options::default(), |_, _| {});
    check(&import);
    assert_eq!(import.report.read, 42_481);
    assert_eq!(
        mapped(&import),
        [
            (Mapped::OrderLine, 41_480),
            (Mapped::GiftLine, 133),
            (Mapped::CancelledOrder, 65),
            (Mapped::CancelledLine, 220),
            (Mapped::StockAdjustment, 140),
        ]
    );
    assert_eq!(
        listed(&import),
        [
            (Reason::CancelWithoutCustomer, 38),
            (Reason::NeverBought, 385),
            (Reason::NoMatchingOrder, 16),
            (Reason::OrderNotSold, 4),
        ]
    );
    let made = &import.report.made;
    assert_eq!((made.epochs, made.orders, made.split_invoices), (358, 1591, 31));
    assert!(
        made.rejected > 0 && made.rejected * 10 < made.orders,
        "some run out, few do: {made:?}"
    );
    assert!(
        made.unpaid > 0 && made.declined > 0 && made.cancelled_orders > 0,
        "{made:?}"
    );
}

#[test]
fn the_whole_file_is_accounted_for() {
    let Ok(path) = std::env::var("MILLRACE_ONLINE_RETAIL") else {
        // Written past the test harness, which keeps what a passing test prints.
        let skipped = "skipped: the_whole_file_is_accounted_for (MILLRACE_ONLINE_RETAIL names no file)";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    let import = import(
        &read(File::open(path).unwrap()).unwrap(),
        &Options::default(),
        |_, _| {},
    );
    check(&import);
    assert_eq!(import.report.read, 541_909);
    assert_eq!(
        listed(&import),
        [
            (Reason::PriceBelowAPenny, 4),
            (Reason::BadDebtAdjustment, 3),
            (Reason::FeeAdjustment, 10),
            (Reason::CancelWithoutCustomer, 383),
            (Reason::NeverBought, 1306),
            (Reason::NoMatchingOrder, 450),
            (Reason::OrderNotSold, 96),
            (Reason::TooLate, 6),
        ]
    );
    assert_eq!(
        (import.report.made.epochs, import.report.made.orders),
        (4542, 20_190)
    );
}

#[test]
fn nobody_runs_out_or_fails_to_pay_unless_the_options_say_so() {
    let options = Options {
        short_per_mille: 0,
        declined_per_mille: 0,
        unpaid_per_mille: 0,
        ..Options::default()
    };
    let import = import(&december(), &options, |_, _| {});
    check(&import);
    let made = import.report.made;
    assert_eq!(
        (made.rejected, made.declined, made.unpaid, made.short_receipts),
        (0, 0, 0, 0)
    );
    assert!(!import.report.listed.contains_key(&Reason::OrderNotSold));
}

#[test]
fn any_options_give_a_log_whose_outcome_was_foreseen() {
    let input = december();
    for (seed, partitions) in [(1, 0), (2, 1), (3, 3), (4, 16)] {
        let (short_per_mille, declined_per_mille, unpaid_per_mille) = (60, 100, 100);
        let options = Options {
            short_per_mille,
            declined_per_mille,
            unpaid_per_mille,
            partitions,
            seed,
        };
        check(&import(&input, &options, |_, _| {}));
    }
    let all = Options {
        short_per_mille: 1000,
        unpaid_per_mille: 1000,
        ..Options::default()
    };
    check(&import(&input, &all, |_, _| {}));
}

#[test]
fn the_same_data_and_options_give_the_same_bytes() {
    let [one, two] = [(); 2].map(|()| import(&december(), &Options::default(), |_, _| {}));
    assert_eq!(one.report, two.report);
    assert!(bytes(&one.log) == bytes(&two.log));
    let seeded = import(
        &december(),
        &Options {
            seed: 1,
            ..Options::default()
        },
        |_, _| {},
    );
    assert!(bytes(&one.log) != bytes(&seeded.log));
}

#[test]
fn progress_ends_with_all_lines() {
    let mut heard = Vec::new();
    import(&december(), &Options::default(), |done, of| {
        heard.push((done, of));
    });
    assert!(heard.is_sorted());
    assert_eq!(heard.last(), Some(&(42_481, 42_481)));
}

#[test]
fn plain_and_gzipped_files_read_alike() {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(DECEMBER_2010)
        .read_to_end(&mut plain)
        .unwrap();
    assert_eq!(read(plain.as_slice()).unwrap().lines, december().lines);
}

#[test]
fn fields_are_those_that_a_csv_library_finds() {
    let input = december();
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(DECEMBER_2010));
    let mut lines = input.lines.iter();
    for record in reader.records() {
        let (record, line) = (record.unwrap(), lines.next().unwrap());
        assert_eq!(record.position().unwrap().line(), line.number);
        assert_eq!(Cow::from(&record[1]).replace(' ', "=20"), *line.sku);
        assert_eq!((&record[0], &record[2]), (&*line.invoice, &*line.description));
        assert_eq!(
            (record[3].parse(), record[6].strip_suffix(".0")),
            (Ok(line.quantity), line.customer.as_deref())
        );
        let pence = (record[5].parse::<f64>().unwrap() * 100.0).round();
        assert_eq!(format!("{pence}"), line.price.to_string());
        assert_eq!(
            line.at.to_string(),
            format!("{}.000Z", record[4].replace(' ', "T"))
        );
    }
    assert!(lines.next().is_none());
}
