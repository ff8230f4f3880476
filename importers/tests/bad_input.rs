//! Files that are cut, damaged, wrongly encoded or not the data set: an error that says where and what to do.
//! Lines that alone are bad: listed, and nothing beside them is lost.

#![allow(clippy::unwrap_used, reason = "a test that is surprised fails")]

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use millrace_importers::online_retail::{DECEMBER_2010, ImportError, Options, Reason, import, read};

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";
const GOOD: &str = "536365,85123A,\"HOLDER, WHITE\",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n";

fn message(bytes: &[u8]) -> String {
    let message = read(bytes).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

/// What a file of the header and these lines says of the second one.
fn listed(line: &str) -> Reason {
    let text = format!("{HEADER}{GOOD}{line}\n{GOOD}");
    let input = read(text.as_bytes()).unwrap();
    assert_eq!(
        input.lines.iter().map(|l| l.number).collect::<Vec<_>>(),
        [2, 4],
        "{line}"
    );
    let import = import(&input, &Options::default(), |_, _| {});
    assert!(import.report.balanced());
    assert_eq!(import.report.listed.len(), 1);
    assert_eq!(import.report.listed[&input.listed[0].1], [3]);
    input.listed[0].1
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    assert!(matches!(read(&b""[..]), Err(ImportError::Empty)));
    assert!(matches!(read(gzip(b"").as_slice()), Err(ImportError::Empty)));
    assert!(matches!(read(HEADER.as_bytes()), Err(ImportError::NoLines)));
}

#[test]
fn missing_columns_are_named_and_so_is_what_was_found() {
    let header = HEADER.replace("Quantity", "Qty").replace("UnitPrice,", "");
    let said = message(format!("{header}{GOOD}").as_bytes());
    for part in [
        "line 1",
        "Quantity, UnitPrice missing",
        "InvoiceNo,StockCode,Description,Qty",
        "CustomerID",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let semicolons = HEADER.replace(',', ";");
    let error = read(semicolons.as_bytes()).unwrap_err();
    assert!(matches!(error, ImportError::MissingColumns { missing, .. } if missing.len() == 7));
    let old_mac = format!("{HEADER}{GOOD}").replace('\n', "\r").repeat(800);
    assert!(message(old_mac.as_bytes()).contains("without a line feed"));
    let twice = HEADER.replace("Country", "Quantity");
    assert!(matches!(
        read(twice.as_bytes()),
        Err(ImportError::ColumnTwice { column: "Quantity" })
    ));
}

#[test]
fn columns_may_stand_in_any_order_and_country_may_be_absent() {
    let text = "\u{feff}CustomerID,UnitPrice,InvoiceDate,Quantity,Description,StockCode,More,InvoiceNo\r\n\
                17850.0,2.55,2010-12-01 08:26:00,6,\"HOLDER, WHITE\",85123A,x,536365\r\n";
    let good = read(format!("{HEADER}{GOOD}").as_bytes()).unwrap();
    assert_eq!(read(text.as_bytes()).unwrap().lines, good.lines);
}

#[test]
fn other_encodings_and_containers_are_recognized() {
    let latin1 = [
        HEADER.as_bytes(),
        GOOD.as_bytes(),
        b"536366,22,\"A, VOUCHER \xa3 5\",1,",
    ]
    .concat();
    let said = message(&latin1);
    assert!(
        said.starts_with("line 3, column Description: not UTF-8") && said.contains("iconv"),
        "{said}"
    );
    assert!(message(b"Invoice\xe9No,").starts_with("line 1, the header: not UTF-8"));
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(HEADER.bytes().flat_map(|b| [b, 0]))
        .collect();
    assert!(matches!(read(utf16.as_slice()), Err(ImportError::Utf16)));
    assert!(matches!(read(&b"PK\x03\x04..."[..]), Err(ImportError::Zip)));
}

#[test]
fn a_file_cut_anywhere_in_its_last_line_is_said_to_be_cut_there() {
    let text = format!("{HEADER}{GOOD}{}", GOOD.replace("WHITE", "£5"));
    let start = HEADER.len() + GOOD.len();
    let country = text.rfind(",United").unwrap() + 1;
    for end in start + 1..country {
        let error = read(&text.as_bytes()[..end]).unwrap_err();
        assert!(
            matches!(&error, ImportError::Cut { line: 3, .. }),
            "{end}: {error}"
        );
    }
    let quantity = &text.as_bytes()[..text.rfind(",6,").unwrap() + 2];
    assert!(message(quantity).starts_with("line 3: the file ends in column Quantity: it was cut"));
    assert_eq!(
        read(text.trim_end().as_bytes()).unwrap().lines.len(),
        2,
        "the last line feed may be missing"
    );
}

#[test]
fn a_gzip_file_cut_anywhere_is_said_to_be_cut() {
    let whole = gzip(format!("{HEADER}{GOOD}").as_bytes());
    for end in 2..whole.len() {
        let error = read(&whole[..end]).unwrap_err();
        assert!(matches!(error, ImportError::GzipCut { .. }), "{end}: {error}");
    }
    let said = message(&DECEMBER_2010[..DECEMBER_2010.len() / 2]);
    assert!(
        said.starts_with("after line 2") && said.contains("it was cut, fetch it again"),
        "{said}"
    );
}

#[test]
fn a_damaged_gzip_file_is_said_to_be_damaged() {
    for at in (20..DECEMBER_2010.len()).step_by(DECEMBER_2010.len() / 40) {
        let mut damaged = DECEMBER_2010.to_vec();
        damaged[at] ^= 0x55;
        let error = read(damaged.as_slice()).unwrap_err();
        let gzip = matches!(
            error,
            ImportError::GzipDamaged { .. } | ImportError::GzipCut { .. }
        );
        assert!(gzip, "{at}: {error}");
    }
}

#[test]
fn a_failing_reader_is_told_apart_from_a_bad_file() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let text = format!("{HEADER}{GOOD}");
    let error = read(text.as_bytes().chain(Failing)).unwrap_err();
    assert!(matches!(error, ImportError::Io { line: 2, .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "after line 2: reading failed: the disk is gone"
    );
}

#[test]
fn a_bad_line_is_listed_and_nothing_beside_it_is_lost() {
    let with = |from: &str, to: &str| listed(GOOD.replace(from, to).trim_end());
    assert_eq!(listed(""), Reason::BlankLine);
    assert_eq!(listed("  \r"), Reason::BlankLine);
    assert_eq!(listed("536366,22"), Reason::WrongColumnCount);
    assert_eq!(
        with("\"HOLDER, WHITE\"", "HOLDER, WHITE"),
        Reason::WrongColumnCount
    );
    assert_eq!(with("WHITE\"", "WHITE"), Reason::BadQuotes);
    assert_eq!(with("WHITE", "WH\"ITE"), Reason::BadQuotes);
    assert_eq!(with("WHITE", &"x".repeat(70_000)), Reason::LineTooLong);
    assert_eq!(with("WHITE", &"x".repeat(4_001)), Reason::BadDescription);
    assert_eq!(with("WHITE", "a\0b"), Reason::BadDescription);
    assert_eq!(with("536365", ""), Reason::NotAnId);
    assert_eq!(with("85123A", ""), Reason::NotAnId);
    assert_eq!(with("85123A", &"8".repeat(65)), Reason::NotAnId);
    assert_eq!(with(",6,", ",six,"), Reason::BadQuantity);
    assert_eq!(with(",6,", ",1000001,"), Reason::QuantityOutOfRange);
    assert_eq!(with("2010-12-01 08", "1/12/2010 8"), Reason::BadDate);
    assert_eq!(with("2.55", "two"), Reason::BadPrice);
    assert_eq!(with("2.55", "0.001"), Reason::PriceBelowAPenny);
    assert_eq!(with("17850.0", "x"), Reason::BadCustomer);
}

#[test]
fn a_file_of_which_no_line_can_be_used_is_refused_with_the_first_reason() {
    let text = format!(
        "{HEADER}{}{}",
        GOOD.replace("2010-12-01", "12/1/2010"),
        GOOD.replace(",6,", ",six,")
    );
    let said = message(text.as_bytes());
    assert!(
        said.contains("the first, line 2, because InvoiceDate is not a date like 2010-12-01"),
        "{said}"
    );
}

#[test]
fn an_endless_line_takes_no_more_memory_than_the_limit() {
    let endless = io::repeat(b'x').take(50_000_000);
    let text = format!("{HEADER}{GOOD}");
    let input = read(text.as_bytes().chain(endless)).unwrap();
    assert_eq!(
        (input.lines.len(), input.listed),
        (1, vec![(3, Reason::LineTooLong)])
    );
}
