//! The two QEMUs of the lab: the distribution's, and one with virtual time built from Debian's source package.
//!
//! Nothing here changes the system: these functions say what is missing, and `setup` asks and installs. The build gets
//! its source through apt with a configuration of its own, so the signatures of the machine's own mirror are checked
//! and the machine's package lists stay as they are.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

/// The distribution's QEMU, as a program and as a Debian package.
const PROGRAM: &str = "qemu-system-x86_64";
/// What the lab needs of it: the 82576 model came with QEMU 8.0.
const DEVICES: [&str; 2] = ["igb", "intel-iommu"];
/// Debian 12 has QEMU 7.2; its backports have a newer one.
const RELEASE_WITHOUT_IGB: &str = "bookworm";
/// Where the source comes from on Debian 12: the source of its backports is not complete on every mirror.
const SOURCE_RELEASE: &str = "trixie";
/// Packages that the build needs, beside Meson.
const BUILD_PACKAGES: [&str; 9] = [
    "dpkg-dev",
    "gcc",
    "libc6-dev",
    "pkg-config",
    "ninja-build",
    "python3-venv",
    "libglib2.0-dev",
    "libslirp-dev",
    "libfdt-dev",
];
/// QEMU 10 is built by Meson 1.5 or newer.
const MESON: (u32, u32) = (1, 5);
/// The whole configuration of the build. QEMU wants one real accelerator; KVM is the quickest to compile.
const CONFIGURE: [&str; 13] = [
    "--python=/usr/bin/python3",
    "--target-list=x86_64-softmmu",
    "--without-default-features",
    "--without-default-devices",
    "--with-devices-x86_64=lab",
    "--enable-system",
    "--enable-kvm",
    "--disable-tcg",
    "--enable-slirp",
    "--disable-download",
    "--disable-install-blobs",
    "--disable-debug-info",
    "--disable-werror",
];
const DEVICE_CONFIGURATION: &str = "\
CONFIG_Q35=y
CONFIG_IGB_PCI_EXPRESS=y
CONFIG_E1000E_PCI_EXPRESS=y
CONFIG_PCIE_PORT=y
CONFIG_VTD=y
";

/// Whether the distribution's QEMU can run the lab.
///
/// # Errors
/// What is wrong with it.
pub fn check_stock() -> Result<()> {
    for device in DEVICES {
        let output = Command::new(PROGRAM).args(["-device", &format!("{device},help")]).output();
        let output = output.with_context(|| format!("{PROGRAM} is not installed"))?;
        ensure!(output.status.success(), "{PROGRAM} has no {device}: QEMU 8.0 or newer is needed");
    }
    Ok(())
}

/// The packages that bring a QEMU with an 82576, for apt-get.
pub fn stock_packages() -> Vec<String> {
    vec![from_backports("qemu-system-x86")]
}

/// The apt sources file that has to be added before those packages can be installed: its path and its text. `None` when
/// the machine has the packages already, or nothing better is known.
///
/// # Errors
/// The existing sources do not show where this machine's packages come from.
pub fn missing_sources() -> Result<Option<(PathBuf, String)>> {
    let sources = apt_sources();
    let backports = format!("{RELEASE_WITHOUT_IGB}-backports");
    if !is_release(RELEASE_WITHOUT_IGB) || sources.iter().any(|source| source.has("deb", &backports)) {
        return Ok(None);
    }
    let path = PathBuf::from("/etc/apt/sources.list.d/igbcx-backports.sources");
    Ok(Some((path, own_source(&sources)?.to_deb822("deb", &backports))))
}

/// The packages that [`build_virtual_time`] needs and this machine lacks, for apt-get.
pub fn missing_build_packages() -> Vec<String> {
    let missing = BUILD_PACKAGES.iter().filter(|package| !is_installed(package));
    let mut missing: Vec<String> = missing.map(|package| package.to_string()).collect();
    if meson_version().is_none_or(|version| version < MESON) {
        missing.push(from_backports("meson"));
    }
    missing
}

/// Whether [`build_virtual_time`] has nothing to do: what it would build is there.
pub fn has_virtual_time(root: &Path) -> bool {
    let recipe = fs::read_to_string(folder(root).join("recipe"));
    recipe.is_ok_and(|text| text == recipe_of_this_build()) && folder(root).join(PROGRAM).exists()
}

/// Builds `target/qemu/qemu-system-x86_64`, whose clock the lab moves (`-accel qtest`).
///
/// # Errors
/// This is not Debian, a package is missing, the mirror is not to be reached or the build fails; `target/qemu/build.log`
/// has the details.
pub fn build_virtual_time(root: &Path) -> Result<()> {
    let folder = folder(root);
    fs::create_dir_all(&folder)?;
    // Whoever comes second waits, and finds the work done.
    let turn = File::create(folder.join("lock"))?;
    turn.lock()?;
    if has_virtual_time(root) {
        return Ok(());
    }
    let work = folder.join("work");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir(&work)?;
    let log = folder.join("build.log");
    let step = Step { log: File::create(&log)?, name: log };

    let source = fetch_source(&work, &step)?;
    fs::write(source.join("configs/devices/x86_64-softmmu/lab.mak"), DEVICE_CONFIGURATION)?;
    let build = work.join("build");
    fs::create_dir(&build)?;
    step.run(Command::new(source.join("configure")).args(CONFIGURE).current_dir(&build))?;
    step.run(Command::new("ninja").arg(PROGRAM).current_dir(&build))?;

    let program = build.join(PROGRAM);
    step.run(Command::new(&program).args(["-accel", "help"]))?;
    fs::rename(program, folder.join(PROGRAM))?;
    fs::write(folder.join("recipe"), recipe_of_this_build())?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

/// The unpacked source package.
fn fetch_source(work: &Path, step: &Step) -> Result<PathBuf> {
    let codename = os_release("VERSION_CODENAME").unwrap_or_default();
    ensure!(
        os_release("ID").as_deref() == Some("debian"),
        "the source package comes from Debian, and this is not Debian"
    );
    let release = if codename == RELEASE_WITHOUT_IGB { SOURCE_RELEASE } else { &codename };
    let apt = work.join("apt");
    for folder in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(folder))?;
    }
    let sources = apt.join("source.sources");
    fs::write(&sources, own_source(&apt_sources())?.to_deb822("deb-src", release))?;
    let apt_get = || {
        let mut command = Command::new("apt-get");
        let settings = [
            format!("Dir::Etc::sourcelist={}", sources.display()),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::lists={}", apt.join("lists").display()),
            format!("Dir::Cache={}", apt.join("cache").display()),
            // apt's unprivileged user cannot write below the repository.
            "APT::Sandbox::User=".to_owned(),
        ];
        command.args(settings.iter().flat_map(|setting| ["-o", setting])).current_dir(work);
        command
    };
    step.run(apt_get().arg("update"))?;
    step.run(apt_get().args(["source", "--only-source", "--download-only", &format!("qemu/{release}")]))?;
    let described = fs::read_dir(work)?.filter_map(|entry| Some(entry.ok()?.path()));
    let description = described.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "dsc"));
    let description = description.context("apt-get source left no .dsc file")?;
    let source = work.join("source");
    // apt has checked the file against the signed index.
    step.run(Command::new("dpkg-source").args(["--no-check", "--extract"]).arg(description).arg(&source))?;
    Ok(source)
}

/// Runs the steps of a build with their output in one file.
struct Step {
    log: File,
    name: PathBuf,
}

impl Step {
    fn run(&self, command: &mut Command) -> Result<()> {
        let program = Path::new(command.get_program()).display().to_string();
        command.stdin(Stdio::null()).stdout(self.log.try_clone()?).stderr(self.log.try_clone()?);
        let status = command.status().with_context(|| format!("cannot start {program}"))?;
        ensure!(status.success(), "{program} failed, see {}", self.name.display());
        Ok(())
    }
}

fn folder(root: &Path) -> PathBuf {
    root.join("target/qemu")
}

/// What a build is made of: another recipe is another build.
fn recipe_of_this_build() -> String {
    let release = os_release("VERSION_CODENAME").unwrap_or_default();
    format!("qemu for {release}\n{}\n{DEVICE_CONFIGURATION}", CONFIGURE.join("\n"))
}

fn is_installed(package: &str) -> bool {
    let output = Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]).output();
    output.is_ok_and(|output| output.stdout == b"installed")
}

fn meson_version() -> Option<(u32, u32)> {
    let output = Command::new("/usr/bin/meson").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.trim().split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// `package`, from the backports where the release itself is too old.
fn from_backports(package: &str) -> String {
    if is_release(RELEASE_WITHOUT_IGB) {
        format!("{package}/{RELEASE_WITHOUT_IGB}-backports")
    } else {
        package.to_owned()
    }
}

fn is_release(codename: &str) -> bool {
    os_release("VERSION_CODENAME").as_deref() == Some(codename)
}

/// A field of /etc/os-release.
fn os_release(field: &str) -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned())
}

/// One entry of apt's sources.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    types: Vec<String>,
    uri: String,
    suites: Vec<String>,
    components: Vec<String>,
    /// A key file, or a whole key in the form of the file.
    signed_by: Option<String>,
}

impl Source {
    fn has(&self, kind: &str, suite: &str) -> bool {
        self.types.iter().any(|t| t == kind) && self.suites.iter().any(|s| s == suite)
    }

    /// The same archive, another suite.
    fn to_deb822(&self, kind: &str, suite: &str) -> String {
        let signed = self.signed_by.as_ref().map_or(String::new(), |key| format!("Signed-By: {key}\n"));
        format!("Types: {kind}\nURIs: {}\nSuites: {suite}\nComponents: main\n{signed}", self.uri)
    }
}

/// Where this machine gets its own release from.
fn own_source(sources: &[Source]) -> Result<&Source> {
    let codename = os_release("VERSION_CODENAME").unwrap_or_default();
    let own = |source: &&Source| source.has("deb", &codename) && source.components.iter().any(|c| c == "main");
    match sources.iter().find(own) {
        Some(source) => Ok(source),
        None => bail!("no apt source for {codename} main: add one with QEMU 8.0 or newer by hand"),
    }
}

/// apt's sources, both forms, as far as they are understood.
fn apt_sources() -> Vec<Source> {
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
    let files = parts.chain([PathBuf::from("/etc/apt/sources.list")]);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_default();
        match path.extension()?.to_str()? {
            "sources" => Some(parse_deb822(&text)),
            "list" => Some(text.lines().filter_map(parse_line).collect()),
            _ => None,
        }
    };
    files.filter_map(read).flatten().collect()
}

fn parse_deb822(text: &str) -> Vec<Source> {
    let without_comments: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let stanzas = without_comments.split(|line| line.trim().is_empty());
    stanzas.filter_map(parse_stanza).collect()
}

fn parse_stanza(lines: &[&str]) -> Option<Source> {
    let mut fields = BTreeMap::<String, String>::new();
    let mut last = None;
    for line in lines {
        if let (true, Some(value)) =
            (line.starts_with([' ', '\t']), last.as_ref().and_then(|name| fields.get_mut(name)))
        {
            value.push('\n');
            value.push_str(line);
        } else {
            let (name, value) = line.split_once(':')?;
            let name = name.to_ascii_lowercase();
            fields.insert(name.clone(), value.trim().to_owned());
            last = Some(name);
        }
    }
    let words = |name: &str| -> Vec<String> {
        fields.get(name).map_or(Vec::new(), |value| value.split_whitespace().map(str::to_owned).collect())
    };
    if fields.get("enabled").is_some_and(|value| value == "no") {
        return None;
    }
    Some(Source {
        types: words("types"),
        uri: words("uris").first()?.clone(),
        suites: words("suites"),
        components: words("components"),
        signed_by: fields.get("signed-by").cloned(),
    })
}

/// Reads `deb [option=value ...] URI SUITE COMPONENT...`.
fn parse_line(line: &str) -> Option<Source> {
    let (kind, rest) = line.split('#').next()?.trim().split_once(char::is_whitespace)?;
    let (options, rest) = match rest.trim_start().strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source {
        types: vec![kind.to_owned()],
        uri: words.next()?,
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by: options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| word.to_string()).collect()
    }

    #[test]
    fn both_forms_of_a_source_are_read() {
        let stanza = "# mirror\nTypes: deb deb-src\nURIs: http://mirror.test/debian/\nSuites: bookworm bookworm-updates\n\
                      Components: main\nSigned-By: /usr/share/keyrings/k.gpg\n\nTypes: deb\nEnabled: no\nURIs: http://x\n";
        let expected = Source {
            types: strings(&["deb", "deb-src"]),
            uri: "http://mirror.test/debian/".into(),
            suites: strings(&["bookworm", "bookworm-updates"]),
            components: strings(&["main"]),
            signed_by: Some("/usr/share/keyrings/k.gpg".into()),
        };
        assert_eq!(parse_deb822(stanza), [expected]);
        let line = "deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main contrib # ours";
        let source = parse_line(line).unwrap();
        assert_eq!((source.uri.as_str(), source.signed_by.as_deref()), ("http://mirror.test/debian", Some("/k.gpg")));
        assert_eq!((source.suites, source.components), (strings(&["bookworm"]), strings(&["main", "contrib"])));
        assert_eq!(parse_line("# deb http://mirror.test/debian bookworm main"), None);
    }

    #[test]
    fn a_key_inside_a_source_stays_whole() {
        let stanza = "Types: deb\nURIs: http://mirror.test\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN\n .\n key\n";
        let sources = parse_deb822(stanza);
        let written = sources[0].to_deb822("deb-src", "trixie");
        assert!(written.starts_with("Types: deb-src\nURIs: http://mirror.test\nSuites: trixie\n"), "{written}");
        assert!(written.ends_with("Signed-By: \n -----BEGIN\n .\n key\n"), "{written}");
    }
}
