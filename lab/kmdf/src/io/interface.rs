//! Device interfaces: when they can be opened (WDF fxdeviceinterface.cpp, FxPkgPnp::PnpEnableInterfacesAndRegisterWmi).

use super::Package;
use wdk_sys::GUID;

/// A registered device interface.
pub(crate) struct Interface {
    pub(crate) class: GUID,
    /// Empty if none.
    pub(crate) reference: String,
    pub(crate) enabled: bool,
    /// Enabled by the framework when the device starts.
    pub(crate) auto_enable: bool,
}

/// Whether two GUIDs are the same.
pub(crate) fn same(a: &GUID, b: &GUID) -> bool {
    (a.Data1, a.Data2, a.Data3, a.Data4) == (b.Data1, b.Data2, b.Data3, b.Data4)
}

/// `{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}`.
pub(crate) fn text(g: &GUID) -> String {
    let d = g.Data4;
    let head = format!("{:08x}-{:04x}-{:04x}-{:02x}{:02x}", g.Data1, g.Data2, g.Data3, d[0], d[1]);
    format!("{{{head}-{}}}", d[2..].iter().map(|b| format!("{b:02x}")).collect::<String>())
}

impl Interface {
    /// The name it is opened by; the lab's adapter is one instance.
    pub(crate) fn symbolic_link(&self) -> String {
        let mut link = format!("\\??\\PCI#NETCXLAB#0#{}", text(&self.class));
        if !self.reference.is_empty() {
            link += "\\";
            link += &self.reference;
        }
        link
    }
}

impl Package {
    /// The device has started: interfaces that the driver did not take into its own hands are enabled.
    pub(crate) fn enable_interfaces(&self) {
        self.interfaces_live.set(true);
        self.interfaces.borrow_mut().iter_mut().filter(|i| i.auto_enable).for_each(|i| i.enabled = true);
    }

    /// The device goes away.
    pub(crate) fn disable_interfaces(&self) {
        self.interfaces_live.set(false);
        self.interfaces.borrow_mut().iter_mut().for_each(|i| i.enabled = false);
    }
}
