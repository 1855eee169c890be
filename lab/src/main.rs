//! The command line of the lab; see `netcx-lab --help`.

fn main() -> std::process::ExitCode {
    netcx_lab::cli::main()
}
