//! What stampinf and the WDK's build do to an INX: the tokens and DriverVer. Source: windows-driver-docs,
//! devtest/stampinf-command-options.md.

use anyhow::{Context, Result, ensure};

/// KMDF that the driver is bound to (`package.metadata.wdk` of Cargo.toml).
const KMDF_VERSION: &str = "1.33";

/// An INF from an INX: tokens replaced, DriverVer written, lines ended as Windows ends them.
///
/// `architecture` is `amd64` or `arm64`, `time` is in seconds since 1970, `version` has four numbers.
///
/// # Errors
/// `[Version]` has no DriverVer, or a token is left.
pub fn stamp(inx: &str, architecture: &str, time: u64, version: &str) -> Result<String> {
    let driver_ver = format!("DriverVer   = {},{version}", date(time));
    let mut stamped = 0;
    let lines: Vec<String> = inx
        .lines()
        .map(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            if key.eq_ignore_ascii_case("DriverVer") {
                stamped += 1;
                return driver_ver.clone();
            }
            line.replace("$ARCH$", architecture).replace("$KMDFVERSION$", KMDF_VERSION)
        })
        .collect();
    ensure!(stamped == 1, "the INX has {stamped} DriverVer lines");
    let text = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>();
    let code = text.lines().map(|line| line.split(';').next().unwrap_or_default());
    let left = code.clone().find(|line| line.contains('$') && !line.to_ascii_lowercase().contains("$windows nt$"));
    match left {
        Some(line) => Err(anyhow::anyhow!("a token is left in `{}`", line.trim())),
        None => Ok(text),
    }
}

/// `mm/dd/yyyy` in UTC, as DriverVer has it.
pub fn date(time: u64) -> String {
    let (year, month, day) = civil(time / 86_400);
    format!("{month:02}/{day:02}/{year}")
}

/// Day `days` after 1970-01-01 in the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The time that a package carries: `SOURCE_DATE_EPOCH`, else that of the last commit. Never that of building.
///
/// # Errors
/// There is neither.
pub fn source_time() -> Result<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => crate::cargo::output(crate::cargo::command("git").args(["log", "-1", "--format=%ct"]))
            .context("no date for the package: this is no git checkout, so set SOURCE_DATE_EPOCH to one in seconds")?,
    };
    text.trim().parse().with_context(|| format!("{text:?} is no time in seconds since 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_the_calendar() {
        for (time, text) in [
            (0, "01/01/1970"),
            (951_782_400, "02/29/2000"),
            (1_709_164_799, "02/28/2024"),
            (1_709_164_800, "02/29/2024"),
            (1_798_761_599, "12/31/2026"),
            (1_798_761_600, "01/01/2027"),
        ] {
            assert_eq!(date(time), text);
        }
    }

    #[test]
    fn tokens_and_driver_version() {
        let inx = "[Version]\nSignature = \"$Windows NT$\"\nDriverVer =\n[M.NT$ARCH$]\nk = $KMDFVERSION$\n";
        let inf = stamp(inx, "arm64", 0, "1.2.3.0").unwrap();
        assert_eq!(
            inf,
            "[Version]\r\nSignature = \"$Windows NT$\"\r\nDriverVer   = 01/01/1970,1.2.3.0\r\n[M.NTarm64]\r\nk = 1.33\r\n"
        );
        assert!(stamp("[Version]\n", "amd64", 0, "1.0.0.0").is_err());
        assert!(stamp("DriverVer=\nx = $OTHER$\n", "amd64", 0, "1.0.0.0").unwrap_err().to_string().contains("$OTHER$"));
    }
}
