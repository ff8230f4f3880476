fn main() {
    let n = std::env::args().nth(1).unwrap();
    for b in millrace_bench::BENCHES.iter().filter(|b| b.name == n) {
        for f in b.run(&mut |m| eprintln!("{m}")) {
            println!("{f}");
        }
    }
}
