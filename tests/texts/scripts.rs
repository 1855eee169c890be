//! The PowerShell scripts, by the grammar of tree-sitter-powershell, and rules over its tree.
//!
//! This proves that they parse by that grammar, use only names that exist, say what they do and ask before they change
//! anything. It does not prove that they work: no PowerShell runs here.

use crate::read;
use std::collections::BTreeSet;
use tree_sitter::{Node, Parser, Tree};

const COMMON: &str = "package/common.ps1";
const SCRIPTS: [&str; 2] = ["package/install.ps1", "package/uninstall.ps1"];

/// Cmdlets of Windows PowerShell 5.1 and the modules PKI, SecureBoot, DISM, PnpDevice and CimCmdlets of Windows.
const CMDLETS: [&str; 26] = [
    "Confirm-SecureBootUEFI",
    "ForEach-Object",
    "Get-ChildItem",
    "Get-CimInstance",
    "Get-Content",
    "Get-FileHash",
    "Get-ItemProperty",
    "Get-PnpDevice",
    "Get-PnpDeviceProperty",
    "Get-WindowsDriver",
    "Import-Certificate",
    "Join-Path",
    "New-Object",
    "Out-Host",
    "Out-Null",
    "Remove-Item",
    "Select-Object",
    "Select-String",
    "Set-StrictMode",
    "Sort-Object",
    "Split-Path",
    "Test-Path",
    "Where-Object",
    "Write-Output",
    "Write-Verbose",
    "Write-Warning",
];

/// Commands that change the machine; they stand behind ShouldProcess.
const CHANGES: [&str; 3] = ["Import-Certificate", "Remove-Item", "Invoke-PnpUtil"];

/// Variables that PowerShell sets.
const AUTOMATIC: [&str; 12] = [
    "_",
    "args",
    "ErrorActionPreference",
    "false",
    "input",
    "LASTEXITCODE",
    "null",
    "PSCmdlet",
    "PSItem",
    "PSScriptRoot",
    "true",
    "WhatIfPreference",
];

struct Script {
    text: String,
    tree: Tree,
}

impl Script {
    fn new(text: String) -> Script {
        let mut parser = Parser::new();
        parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
        let tree = parser.parse(&text, None).unwrap();
        Script { text, tree }
    }

    /// Every node, outer ones first.
    fn nodes(&self) -> Vec<Node<'_>> {
        fn add<'t>(node: Node<'t>, nodes: &mut Vec<Node<'t>>) {
            nodes.push(node);
            let mut cursor = node.walk();
            node.children(&mut cursor).for_each(|child| add(child, nodes));
        }
        let mut nodes = Vec::new();
        add(self.tree.root_node(), &mut nodes);
        nodes
    }

    fn of_kind(&self, kind: &str) -> Vec<Node<'_>> {
        self.nodes().into_iter().filter(|node| node.kind() == kind).collect()
    }

    fn text(&self, node: Node<'_>) -> &str {
        &self.text[node.byte_range()]
    }

    fn functions(&self) -> BTreeSet<&str> {
        self.of_kind("function_name").into_iter().map(|node| self.text(node)).collect()
    }

    /// Names of variables that get a value: parameters, assignments, loops.
    fn assigned(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for node in self.nodes() {
            let targets = match node.kind() {
                "left_assignment_expression" => self.inside(node, "variable"),
                "script_parameter" | "foreach_statement" => {
                    let mut cursor = node.walk();
                    let own = node.children(&mut cursor).find(|child| child.kind() == "variable");
                    own.into_iter().collect()
                }
                _ => Vec::new(),
            };
            names.extend(targets.into_iter().map(|target| self.variable(target)));
        }
        names
    }

    fn inside<'t>(&'t self, outer: Node<'t>, kind: &str) -> Vec<Node<'t>> {
        let range = outer.byte_range();
        let within = |node: &Node<'_>| range.start <= node.start_byte() && node.end_byte() <= range.end;
        self.of_kind(kind).into_iter().filter(within).collect()
    }

    /// The name without `$`, `@` and property.
    fn variable(&self, node: Node<'_>) -> String {
        self.text(node).trim_start_matches(['$', '@']).to_owned()
    }

    /// Faults of this script; `common` is what it dot-sources.
    fn faults(&self, common: Option<&Script>) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.text.is_ascii() {
            faults.push("not ASCII: Windows PowerShell reads it in the machine's code page".to_owned());
        }
        let at = |node: Node<'_>| format!("line {}", node.start_position().row + 1);
        for node in self.nodes().into_iter().filter(|node| node.is_error() || node.is_missing()) {
            faults.push(format!("{}: does not parse: {:?}", at(node), self.text(node)));
        }
        let mut functions = self.functions();
        functions.extend(common.into_iter().flat_map(Script::functions));
        for node in self.of_kind("command_name") {
            let name = self.text(node);
            if !CMDLETS.contains(&name) && !functions.contains(name) {
                faults.push(format!("{}: no such command, or an alias: {name}", at(node)));
            }
            if CHANGES.contains(&name) && !self.is_asked(node) {
                faults.push(format!("{}: {name} without ShouldProcess", at(node)));
            }
        }
        // A program run by its path.
        for node in self.of_kind("command_invokation_operator").into_iter().filter(|node| self.text(*node) == "&") {
            if common.is_some() && !self.is_asked(node) {
                faults.push(format!("{}: a program without ShouldProcess", at(node)));
            }
        }
        let mut assigned = self.assigned();
        assigned.extend(common.into_iter().flat_map(Script::assigned));
        for node in self.of_kind("variable") {
            let name = self.variable(node);
            let known = name.starts_with("env:") || AUTOMATIC.contains(&name.as_str());
            if !known && !assigned.contains(&name) {
                faults.push(format!("{}: ${name} never gets a value", at(node)));
            }
        }
        faults
    }

    /// Whether the node is in the body of an `if` or `elseif` that asks ShouldProcess.
    fn is_asked(&self, node: Node<'_>) -> bool {
        let mut outer = node.parent();
        while let Some(parent) = outer {
            if matches!(parent.kind(), "if_statement" | "elseif_clause") {
                let mut cursor = parent.walk();
                let body = parent.children(&mut cursor).find(|child| child.kind() == "statement_block").unwrap();
                let condition = &self.text[parent.start_byte()..body.start_byte()];
                if condition.contains("$PSCmdlet.ShouldProcess(") && body.byte_range().contains(&node.start_byte()) {
                    return true;
                }
            }
            outer = parent.parent();
        }
        false
    }

    /// The parameters of the script itself.
    fn parameters(&self) -> Vec<String> {
        let root = self.tree.root_node();
        let mut cursor = root.walk();
        let block = root.children(&mut cursor).find(|child| child.kind() == "param_block").expect("a param block");
        self.inside(block, "script_parameter")
            .into_iter()
            .map(|parameter| {
                let mut cursor = parameter.walk();
                let variable = parameter.children(&mut cursor).find(|child| child.kind() == "variable").unwrap();
                self.variable(variable)
            })
            .collect()
    }

    /// Faults of the comment-based help (about_Comment_Based_Help).
    fn help_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let Some(help) = self.text.strip_prefix("<#").and_then(|rest| rest.split("#>").next()) else {
            return vec!["no help at the top".to_owned()];
        };
        for section in [".SYNOPSIS", ".DESCRIPTION", ".EXAMPLE", ".NOTES"] {
            if !help.lines().any(|line| line.trim() == section) {
                faults.push(format!("no {section}"));
            }
        }
        let documented: Vec<_> = help.lines().filter_map(|line| line.trim().strip_prefix(".PARAMETER ")).collect();
        let parameters = self.parameters();
        for parameter in &parameters {
            if !documented.contains(&parameter.as_str()) {
                faults.push(format!("-{parameter} is not documented"));
            }
        }
        for name in documented {
            if !parameters.iter().any(|parameter| parameter == name) {
                faults.push(format!("-{name} does not exist"));
            }
        }
        if !self.text.contains("[CmdletBinding(SupportsShouldProcess)]") {
            faults.push("no -WhatIf".to_owned());
        }
        faults
    }
}

#[test]
fn scripts_are_without_fault() {
    let common = Script::new(read(COMMON));
    assert_eq!(common.faults(None).into_iter().filter(|f| !f.contains("ShouldProcess")).collect::<Vec<_>>(), [""; 0]);
    assert!(common.text.contains("Set-StrictMode -Version Latest\n$ErrorActionPreference = 'Stop'\n"));
    for path in SCRIPTS {
        let script = Script::new(read(path));
        assert_eq!(script.faults(Some(&common)), [""; 0], "{path}");
        assert_eq!(script.help_faults(), [""; 0], "{path}");
        assert!(script.text.contains(". (Join-Path -Path $PSScriptRoot -ChildPath 'common.ps1')"), "{path}");
    }
}

/// Each rule finds the fault it is there for.
#[test]
fn faults_are_found() {
    let common = Script::new(read(COMMON));
    let install = read(SCRIPTS[0]);
    for (old, new, fault) in [
        ("foreach ($device in $devices) {", "foreach ($device in $devices) ", "does not parse"),
        ("Write-Output -InputObject $device", "echo $device", "an alias: echo"),
        ("$restart = $true", "$restarted = $true; $x = $restrat", "$restrat never gets a value"),
        ("elseif ($PSCmdlet.ShouldProcess($store, ", "elseif ((", "Import-Certificate without ShouldProcess"),
        ("if ($PSCmdlet.ShouldProcess($inf, 'pnp", "if (('pnp", "Invoke-PnpUtil without ShouldProcess"),
        ("if ($PSCmdlet.ShouldProcess('boot configuration', ", "if (('", "a program without ShouldProcess"),
        ("No adapter", "No adapt\u{e8}r", "not ASCII"),
    ] {
        assert!(install.contains(old), "{old}");
        let faults = Script::new(install.replacen(old, new, 1)).faults(Some(&common));
        assert!(faults.iter().any(|found| found.contains(fault)), "{fault}: {faults:?}");
    }
    for (old, new, fault) in [
        (".SYNOPSIS", ".SUMMARY", "no .SYNOPSIS"),
        (".PARAMETER EnableTestSigning", ".PARAMETER Enable", "-EnableTestSigning is not documented"),
        ("[switch] $EnableTestSigning", "[switch] $Enable", "-EnableTestSigning does not exist"),
        ("(SupportsShouldProcess)", "()", "no -WhatIf"),
    ] {
        let faults = Script::new(install.replacen(old, new, 1)).help_faults();
        assert!(faults.iter().any(|found| found == fault), "{fault}: {faults:?}");
    }
}
