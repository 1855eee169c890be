//! What all tables have in common.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// An empty table with a header.
pub(crate) fn new<const N: usize>(header: [&str; N]) -> Table {
    with_header(header.map(String::from).to_vec())
}

/// An empty table with a header of any length.
pub(crate) fn with_header(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table
}

/// Aligns columns of numbers.
pub(crate) fn right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// The table with a line end.
pub(crate) fn text(table: &Table) -> String {
    format!("{table}\n")
}

/// `52:54:00:49:47:42`.
pub(crate) fn address(bytes: [u8; 6]) -> String {
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}

/// `yes` or `no`.
pub(crate) fn yes_no(flag: u8) -> &'static str {
    if flag == 0 { "no" } else { "yes" }
}
