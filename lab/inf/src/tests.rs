use super::*;

const SAMPLE: &str = r#"
[Version]
Signature = "$WINDOWS NT$"
Class     = Net

[Manufacturer]
%Vendor% = Models, NT$ARCH$.10.0...22000

[Models.NTamd64.10.0...22000]
%Dev%   = Dev.Install, PCI\VEN_8086&DEV_10C9
%Exact% = Exact.Install, PCI\VEN_8086&DEV_10C9&SUBSYS_A03C8086

[Dev.Install.NT]
Characteristics = 0x84
BusType         = 5
*IfType         = 6
AddReg          = Dev.Reg, Dev.Params

[Exact.Install]
AddReg = Dev.Reg

[Dev.Install.NT.Services]
AddService = dev, 2, Dev.Service, Dev.EventLog

[Dev.Service]
ServiceBinary = %13%\dev.sys

[Dev.Install.NT.HW]
AddReg = Dev.Messages

[Dev.Messages]
HKR, "Interrupt Management\MessageSignaledInterruptProperties", , 0x10
HKR, "Interrupt Management\MessageSignaledInterruptProperties", MSISupported, 0x10001, 1
HKR, "Interrupt Management\MessageSignaledInterruptProperties", MessageNumberLimit, 0x10001, 3

[Dev.Install.NT.Wdf]
KmdfService = dev, Dev.Wdf

[Dev.Wdf]
KmdfLibraryVersion = 1.33

[Dev.Reg]
HKR, Ndi,            Service,    0,       "dev"
HKR, Ndi\Interfaces, UpperRange, 0,       "ndis5"
HKR, ,               Answer,     0x10001, 0x2a
HKR, ,               Blob,       1,       de,ad
HKR, ,               List,       0x10000, "a", "b"

[Dev.Params]
HKR, Ndi\params\*ReceiveBuffers, ParamDesc, 0, %Rx%
HKR, Ndi\params\*ReceiveBuffers, type,      0, "dword"
HKR, Ndi\params\*ReceiveBuffers, default,   0, "512"
HKR, Ndi\params\*ReceiveBuffers, min,       0, "64"
HKR, Ndi\params\*ReceiveBuffers, max,       0, "4096"
HKR, Ndi\params\*ReceiveBuffers, step,      0, "8"
HKR, Ndi\Params\*FlowControl,    ParamDesc, , "Flow control"
HKR, Ndi\Params\*FlowControl,    Type,      , "enum"
HKR, Ndi\Params\*FlowControl,    Default,   , "3"
HKR, Ndi\Params\*FlowControl\enum, "0",     , "Off"
HKR, Ndi\Params\*FlowControl\enum, "3",     , "Rx and Tx"

[Strings]
Vendor = "V"
Dev    = "Device"
Exact  = "Exact device"
Rx     = "Receive buffers"
"#;

fn igb() -> PciId {
    PciId { vendor: 0x8086, device: 0x10C9, subsystem: 0, revision: 1 }
}

fn inf(text: &str) -> Result<Inf, InfError> {
    Inf::parse(Path::new("t.inx"), text)
}

#[test]
fn reads_what_a_device_gets() {
    let install = inf(SAMPLE).unwrap().install(igb()).unwrap();
    assert_eq!(install.service_binary.as_deref(), Some("dev.sys"));
    assert_eq!(install.kmdf_version, Some((1, 33)));
    assert_eq!(install.message_limit, 3);
    assert_eq!(install.values["Answer"], Value::Dword(42));
    assert_eq!(install.values["Blob"], Value::Binary(vec![0xde, 0xad]));
    assert_eq!(install.values["List"], Value::Texts(vec!["a".into(), "b".into()]));
    assert_eq!(install.values["*IfType"], Value::Dword(6));
    assert!(!install.values.contains_key("Service"), "values of subkeys are not values of the key");
    let names: Vec<_> = install.keywords.iter().map(|k| k.name.as_str()).collect();
    assert_eq!(names, ["*ReceiveBuffers", "*FlowControl"]);
    assert_eq!(install.keywords[0].kind, Kind::Number { min: 64, max: 4096, step: 8, base: 10 });
    assert_eq!(install.keywords[0].description, "Receive buffers");
    assert_eq!(install.keywords[1].default.as_deref(), Some("3"));
}

#[test]
fn the_most_exact_id_wins() {
    let exact = PciId { subsystem: 0xA03C_8086, ..igb() };
    let install = inf(SAMPLE).unwrap().install(exact).unwrap();
    assert!(install.keywords.is_empty());
    assert_eq!(install.kmdf_version, None);
    assert_eq!(install.message_limit, 0, "without MSISupported Windows gives the line");
}

#[test]
fn messages_without_a_limit_are_as_many_as_the_device_has() {
    let unlimited = SAMPLE.replace("MessageNumberLimit", "Other");
    assert_eq!(inf(&unlimited).unwrap().install(igb()).unwrap().message_limit, u32::MAX);
}

#[test]
fn a_device_it_does_not_know_is_refused() {
    let other = PciId { device: 0x1521, ..igb() };
    let message = inf(SAMPLE).unwrap().install(other).unwrap_err().to_string();
    assert!(message.contains("PCI\\VEN_8086&DEV_1521"), "{message}");
    assert!(message.contains("PCI\\VEN_8086&DEV_10C9"), "{message}");
}

#[test]
fn faulty_files_are_refused() {
    assert!(matches!(inf("[Version]\n"), Err(InfError::Content { .. })));
    assert!(matches!(inf("stray"), Err(InfError::Syntax { .. })));
    let no_section = SAMPLE.replace("Dev.Reg, Dev.Params", "Dev.Reg, Dev.Missing");
    assert!(inf(&no_section).unwrap().install(igb()).unwrap_err().to_string().contains("[Dev.Missing]"));
    let bad_default = SAMPLE.replace("\"512\"", "\"32\"");
    assert!(inf(&bad_default).unwrap().install(igb()).unwrap_err().to_string().contains("64 to 4096"));
    assert!(matches!(Inf::read(Path::new("/nonexistent/x.inf")), Err(InfError::Read { .. })));
}

#[test]
fn utf16_files_are_read() {
    let mut bytes = vec![0xFF, 0xFE];
    bytes.extend("[Version]".encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(decode(&bytes), "[Version]");
    assert_eq!(decode(b"\xEF\xBB\xBFabc"), "abc");
}
