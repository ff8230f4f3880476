//! Completions and the manual: they name what `--help` names, and programs that read them can.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{Dir, assert_refused, assert_well, millrace, scratch, text};

/// What `--help` of a command says.
fn help(command: &[&str]) -> String {
    assert_well(&millrace(&[command, &["--help"]].concat()))
}

/// The subcommands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| line.starts_with("  "));
    let names = listed.filter(|line| !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The long flags that a text names.
fn flags(text: &str) -> BTreeSet<String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c == '-';
    let words = text.split(|c: char| !allowed(c));
    let flags = words.filter(|word| word.starts_with("--") && word.len() > 2);
    flags.map(|flag| flag.trim_end_matches('-').to_owned()).collect()
}

/// All commands, each as its words.
fn commands() -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = vec![Vec::new()];
    let mut next = 0;
    while let Some(command) = found.get(next).cloned() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        for sub in subcommands(&help(&words)) {
            found.push([command.clone(), vec![sub]].concat());
        }
        next += 1;
    }
    found
}

/// A page as a reader of manuals shows it; without one, its text.
fn rendered(page: &Path) -> String {
    let shown = Command::new("man")
        .arg("-l")
        .arg(page)
        .env("MANWIDTH", "100")
        .output();
    match shown {
        Ok(output) if output.status.success() => {
            assert_eq!(text(&output.stderr), "", "{}", page.display());
            text(&output.stdout)
        }
        _ => {
            println!("skipped: there is no man here to show {}", page.display());
            let raw = fs::read_to_string(page).expect("the page was written");
            raw.replace("\\-", "-")
        }
    }
}

#[test]
fn the_manual_has_a_page_for_each_command_with_all_that_its_help_names() {
    let dir = Dir::new("man");
    assert_well(&millrace(&["man", dir.text()]));
    let commands = commands();
    assert!(commands.len() > 12, "{commands:?}");
    for command in &commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let name = [&["millrace"], &words[..]].concat().join("-");
        let page = rendered(&dir.0.join(format!("{name}.1")));
        let missing: Vec<_> = flags(&help(&words)).difference(&flags(&page)).cloned().collect();
        assert_eq!(missing, Vec::<String>::new(), "{name}");
        for sub in subcommands(&help(&words)) {
            assert!(
                page.contains(&format!("{name}-{sub}(1)")),
                "{name}: {sub} in {page}"
            );
        }
    }
    let pages = fs::read_dir(&dir.0).expect("it can be listed").count();
    assert_eq!(pages, commands.len());
    let first = assert_well(&millrace(&["man"]));
    assert!(first.contains(".TH millrace 1"), "{first}");
    let file = scratch("no-directory", b"");
    let file = file.to_str().expect("the path is UTF-8");
    assert_refused(&millrace(&["man", file]), 3, &[file]);
}

#[test]
fn every_command_s_help_has_an_example_that_begins_with_it() {
    for command in commands() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = help(&words);
        if !subcommands(&help).is_empty() {
            continue;
        }
        let examples = help.split("Examples:").nth(1).unwrap_or_default();
        let called = [&["millrace"], &words[..]].concat().join(" ");
        assert!(examples.contains(&called), "{called}: {help}");
    }
}

#[test]
fn every_shell_s_script_names_every_command_and_flag() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = assert_well(&millrace(&["completions", shell]));
        for command in commands() {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            let last = words.last().copied().unwrap_or("millrace");
            assert!(script.contains(last), "{shell}: {last}");
            for flag in flags(&help(&words)) {
                // Fish writes a flag's name without its dashes.
                let bare = flag.trim_start_matches('-');
                assert!(script.contains(bare), "{shell}: {last} {flag}");
            }
        }
    }
    assert_refused(&millrace(&["completions", "csh"]), 2, &["csh"]);
}

#[test]
fn bash_loads_its_script_and_completes() {
    let script = scratch(
        "completions.bash",
        assert_well(&millrace(&["completions", "bash"])).as_bytes(),
    );
    for (words, expected) in [
        (&["millrace", "ver"][..], "verify"),
        (&["millrace", "log", "c"], "cat"),
        (&["millrace", "config", "sh"], "show"),
        (&["millrace", "up", "--lis"], "--listen"),
        (&["millrace", "completions", "z"], "zsh"),
    ] {
        let ask = "source \"$0\" && COMP_WORDS=(\"$@\") && COMP_CWORD=$(($# - 1)) && \
                   _millrace millrace \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\" && \
                   echo \"${COMPREPLY[@]}\"";
        let mut bash = Command::new("bash");
        let Ok(output) = bash.args(["--norc", "-c", ask]).arg(&script).args(words).output() else {
            println!("skipped: there is no bash here to complete {words:?}");
            continue;
        };
        let (said, wrong) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(said.trim(), expected, "{words:?}: {wrong}");
    }
}
