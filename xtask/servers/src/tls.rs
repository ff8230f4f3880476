//! Certificates for a server's TLS listener, made by the JDK's own tool.

use std::path::Path;
use std::process::Command;

/// Where the certificate lies that clients are to trust, as PEM.
pub const CA_FILE: &str = "ca.pem";
/// What protects the key, which lives as long as a test.
const PASSWORD: &str = "of-tests";

/// Makes a key and a certificate for 127.0.0.1, signed by itself, in `directory`; the broker's properties that
/// use them.
///
/// # Errors
/// What the tool said.
pub fn certificate(directory: &Path) -> Result<String, String> {
    let store = directory.join("tls.p12");
    let common = ["-alias", "broker", "-storetype", "PKCS12", "-storepass", PASSWORD];
    let keytool = |args: &[&str]| {
        let mut tool = Command::new("keytool");
        tool.args(args).args(common).arg("-keystore").arg(&store);
        match tool.output() {
            Ok(done) if done.status.success() => Ok(()),
            Ok(done) => Err(format!("keytool: {}", String::from_utf8_lossy(&done.stdout))),
            Err(error) => Err(format!("keytool could not be run: {error}")),
        }
    };
    let who = ["-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1"];
    keytool(&[&["-genkeypair", "-keyalg", "EC", "-validity", "2"], &who[..]].concat())?;
    let pem = directory.join(CA_FILE);
    keytool(&["-exportcert", "-rfc", "-file", &pem.to_string_lossy()])?;
    Ok(format!(
        "ssl.keystore.location={}\nssl.keystore.type=PKCS12\nssl.keystore.password={PASSWORD}\n",
        store.display()
    ))
}
