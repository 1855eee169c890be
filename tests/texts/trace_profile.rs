//! Tracing: the guide's table of events is the driver's; the Windows Performance Recorder profile is well-formed, whole in itself, and of the provider that the driver has.
//!
//! Rules: Microsoft, "2. System and Event Provider Definitions" and "3. Profile Definitions" of Windows Performance Recorder.

use crate::read;
use lab_kernel::etw::ProviderId;
use roxmltree::{Document, Node};

const PROFILE: &str = "package/igbcx.wprp";

fn elements<'a>(document: &'a Document<'a>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    document.descendants().filter(move |node| node.has_tag_name(name))
}

fn attribute<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_else(|| panic!("{} without {name}", node.tag_name().name()))
}

#[test]
fn every_reference_has_its_definition() {
    let text = read(PROFILE);
    let document = Document::parse(&text).unwrap();
    let mut used = 0;
    for (reference, definition) in [("EventCollectorId", "EventCollector"), ("EventProviderId", "EventProvider")] {
        let defined: Vec<_> = elements(&document, definition).map(|node| attribute(node, "Id")).collect();
        for node in elements(&document, reference) {
            assert!(defined.contains(&attribute(node, "Value")), "{reference} {}", attribute(node, "Value"));
            used += 1;
        }
        for id in defined {
            assert!(elements(&document, reference).any(|node| attribute(node, "Value") == id), "{id} is not used");
        }
    }
    assert!(used > 0);
    let order = ["EventCollector", "EventProvider", "Profile"];
    let profiles = elements(&document, "Profiles").next().unwrap();
    let places: Vec<_> = profiles
        .children()
        .filter(Node::is_element)
        .map(|node| order.iter().position(|name| node.has_tag_name(*name)).expect("a known element"))
        .collect();
    assert!(places.is_sorted(), "collectors, providers, profiles");
}

#[test]
fn each_profile_is_there_for_file_and_memory() {
    let text = read(PROFILE);
    let document = Document::parse(&text).unwrap();
    let mut ids = Vec::new();
    for profile in elements(&document, "Profile") {
        let [name, detail, mode] = ["Name", "DetailLevel", "LoggingMode"].map(|name| attribute(profile, name));
        assert_eq!(attribute(profile, "Id"), format!("{name}.{detail}.{mode}"));
        assert!(!attribute(profile, "Description").is_empty());
        ids.push(attribute(profile, "Id"));
    }
    ids.sort_unstable();
    assert_eq!(ids, ["igbcx.Light.File", "igbcx.Light.Memory", "igbcx.Verbose.File", "igbcx.Verbose.Memory"]);
    for profile in elements(&document, "Profile").filter_map(|node| node.attribute("Base")) {
        assert!(ids.contains(&profile), "{profile}");
    }
}

#[test]
fn the_providers_are_those_of_driver_and_framework() {
    let text = read(PROFILE);
    let document = Document::parse(&text).unwrap();
    let providers: Vec<_> =
        elements(&document, "EventProvider").map(|node| attribute(node, "Name").to_owned()).collect();
    let expected = ["igbcx", "Microsoft.Windows.Ndis.NetAdapterCx", "Microsoft.Windows.Ndis.NetAdapterCx.Translator"]
        .map(|name| ProviderId::of_name(name).to_string());
    assert_eq!(providers, expected);
}

/// The rows `| name | level | keywords | fields |` of docs/debug.md, from the definitions in `src/trace.rs`.
fn rows() -> Vec<String> {
    let source = read("src/trace.rs");
    let constant = |name: &str| -> u64 {
        let line = source.lines().find_map(|line| line.strip_prefix(&format!("const {name}: u64 = 0x"))).unwrap();
        u64::from_str_radix(line.trim_end_matches(';'), 16).unwrap()
    };
    let definitions = source.split("= event!(").skip(1).map(|rest| rest.split_once(");\n").unwrap().0);
    definitions
        .map(|definition| {
            let (head, fields) = definition.split_once('[').unwrap();
            let mut head = head.split(',').map(str::trim);
            let name = head.next().unwrap().trim_matches('"');
            let level = match head.next().unwrap() {
                "Level::Error" => 2,
                "Level::Warning" => 3,
                "Level::Information" => 4,
                other => panic!("{other}"),
            };
            let keywords: Vec<_> = head.next().unwrap().split(" | ").collect();
            let number = keywords.iter().map(|name| constant(name)).fold(0, |all, one| all | one);
            let fields: Vec<_> = fields.split("Field::new(\"").skip(1).map(|f| f.split('"').next().unwrap()).collect();
            let row = format!("| {name} | {level} | {number:#x} {} | {} |", keywords.join(", "), fields.join(", "));
            row.replace("STATE", "state").replace("LINK", "link").replace("FAULT", "fault").replace("|  |", "| |")
        })
        .collect()
}

#[test]
fn the_guide_lists_every_event() {
    let guide = read("docs/debug.md");
    let table = guide.split_once("| event | level | keyword |").unwrap().1.split_once("\n\n").unwrap().0;
    let found: Vec<_> = table.lines().skip(2).collect();
    assert_eq!(found, rows());
}
