//! What the rules make of the data set, decided by the oracle: exactly what the importer foresaw.

#[path = "common/rules.rs"]
mod rules;

use std::fs::File;
use std::io::Write;

use contract::views::View;
use millrace_importers::online_retail::{Options, december_2010, import, read};
use oracle::replay;
use rules::check;

#[test]
fn the_rules_decide_december_as_foreseen() {
    let input = december_2010().unwrap();
    check(&import(&input, &Options::default(), |_, _| {}));
    let (short_per_mille, declined_per_mille, unpaid_per_mille) = (60, 100, 100);
    let options = Options {
        short_per_mille,
        declined_per_mille,
        unpaid_per_mille,
        partitions: 3,
        seed: 7,
    };
    check(&import(&input, &options, |_, _| {}));
}

#[test]
fn without_shortages_nobody_is_turned_away_and_nothing_is_oversold() {
    let options = Options {
        short_per_mille: 0,
        unpaid_per_mille: 0,
        ..Options::default()
    };
    let import = import(&december_2010().unwrap(), &options, |_, _| {});
    check(&import);
    let oracle = replay(&import.log);
    assert!(oracle.tables().rows(View::Attention).is_empty());
    assert_eq!(import.report.made.rejected, 0);
}

#[test]
fn the_rules_decide_the_whole_file_as_foreseen() {
    let Ok(path) = std::env::var("MILLRACE_ONLINE_RETAIL") else {
        // Written past the test harness, which keeps what a passing test prints.
        let skipped =
            "skipped: the_rules_decide_the_whole_file_as_foreseen (MILLRACE_ONLINE_RETAIL names no file)";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    let input = read(File::open(path).unwrap()).unwrap();
    check(&import(&input, &Options::default(), |_, _| {}));
}
