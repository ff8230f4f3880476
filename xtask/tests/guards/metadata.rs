//! What cargo knows of the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::root;

/// Packages, and who depends on whom.
pub struct Metadata {
    members: Vec<String>,
    names: BTreeMap<String, String>,
    nodes: Vec<Value>,
}

fn text(value: &Value) -> String {
    value.as_str().expect("cargo says it in a text").to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], |list| &list[..])
}

fn output(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().expect("cargo and rustc run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("cargo and rustc write UTF-8")
}

fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = output(Command::new(rustc).arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

impl Metadata {
    /// Asks cargo. Only for this machine's platform, so that nothing has to be fetched that is not built.
    pub fn load() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let host = host();
        let args = ["metadata", "--format-version", "1", "--filter-platform", &host];
        let json = output(Command::new(cargo).args(args));
        let json: Value = serde_json::from_str(&json).expect("cargo writes JSON");
        let packages = list(&json["packages"]);
        Metadata {
            members: list(&json["workspace_members"]).iter().map(text).collect(),
            names: packages
                .iter()
                .map(|package| (text(&package["id"]), text(&package["name"])))
                .collect(),
            nodes: list(&json["resolve"]["nodes"]).to_vec(),
        }
    }

    /// The workspace's packages, by name without the prefix that all have.
    pub fn members(&self) -> BTreeSet<String> {
        self.members.iter().map(|id| self.name(id)).collect()
    }

    fn name(&self, id: &str) -> String {
        let name = &self.names[id];
        name.strip_prefix("millrace-").unwrap_or(name).to_owned()
    }

    /// The direct dependencies of a package, of a kind: none is the normal one.
    pub fn direct(&self, package: &str, kind: Option<&str>) -> BTreeSet<String> {
        let of = |node: &&Value| self.name(&text(&node["id"])) == package;
        let deps = self.nodes.iter().filter(of).flat_map(|node| list(&node["deps"]));
        let is_kind = |dep: &&Value| {
            list(&dep["dep_kinds"])
                .iter()
                .any(|dep_kind| dep_kind["kind"].as_str() == kind)
        };
        deps.filter(is_kind)
            .map(|dep| self.name(&text(&dep["pkg"])))
            .collect()
    }

    /// All that a package's library is made of, itself excepted.
    pub fn closure(&self, package: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![package.to_owned()];
        while let Some(next) = open.pop() {
            for dependency in self.direct(&next, None) {
                if found.insert(dependency.clone()) {
                    open.push(dependency);
                }
            }
        }
        found
    }
}
