//! The command line; see `igbcxctl --help`.

fn main() -> std::process::ExitCode {
    igbcxctl::cli::main()
}
