//! WDF_OBJECT_ATTRIBUTES, checked in the order of the framework (WDF fxvalidatefunctions.cpp).

use crate::abi::*;
use crate::args::In;
use wdk_sys::_WDF_EXECUTION_LEVEL as level;
use wdk_sys::_WDF_SYNCHRONIZATION_SCOPE as scope;
use wdk_sys::{NTSTATUS, WDF_OBJECT_ATTRIBUTES, WDF_OBJECT_CONTEXT_TYPE_INFO};

/// Size of WDF_OBJECT_CONTEXT_TYPE_INFO in KMDF 1.0, which the framework still takes.
const TYPE_INFO_V1_0: usize = 32;

/// What a method allows in the attributes of the object it makes.
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) parent: bool,
    /// Attributes and a parent in them are required.
    pub(crate) parent_required: bool,
    pub(crate) execution_level: bool,
    pub(crate) scope: bool,
}

impl Allowed {
    /// No parent, execution level or scope.
    pub(crate) const NONE: Allowed =
        Allowed { parent: false, parent_required: false, execution_level: false, scope: false };
    /// A parent.
    pub(crate) const PARENT: Allowed = Allowed { parent: true, ..Allowed::NONE };
    /// A parent, without which there is no object.
    pub(crate) const PARENT_REQUIRED: Allowed = Allowed { parent_required: true, ..Allowed::PARENT };
}

/// Reads the attributes a driver passed and checks them.
pub(crate) fn read(
    attributes: In<WDF_OBJECT_ATTRIBUTES>,
    allowed: Allowed,
) -> Result<Option<WDF_OBJECT_ATTRIBUTES>, NTSTATUS> {
    let attributes = attributes.opt();
    check(attributes.as_ref(), allowed)?;
    Ok(attributes)
}

/// Checks attributes as FxValidateObjectAttributes does.
pub(crate) fn check(attributes: Option<&WDF_OBJECT_ATTRIBUTES>, allowed: Allowed) -> Result<(), NTSTATUS> {
    let Some(attributes) = attributes else {
        return if allowed.parent_required { Err(STATUS_WDF_PARENT_NOT_SPECIFIED) } else { Ok(()) };
    };
    if !crate::verifier::size_is("WDF_OBJECT_ATTRIBUTES", attributes.Size, size_of::<WDF_OBJECT_ATTRIBUTES>()) {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    check_context(attributes)?;
    if attributes.ParentObject.is_null() {
        if allowed.parent_required {
            return Err(STATUS_WDF_PARENT_NOT_SPECIFIED);
        }
    } else if !allowed.parent {
        return Err(STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED);
    }
    let (execution_level, synchronization) = (attributes.ExecutionLevel, attributes.SynchronizationScope);
    if !(level::WdfExecutionLevelInheritFromParent..=level::WdfExecutionLevelDispatch).contains(&execution_level)
        || !(scope::WdfSynchronizationScopeInheritFromParent..=scope::WdfSynchronizationScopeNone)
            .contains(&synchronization)
    {
        return Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
    let unspecific = [scope::WdfSynchronizationScopeInheritFromParent, scope::WdfSynchronizationScopeNone];
    if !allowed.scope && !unspecific.contains(&synchronization) {
        return Err(STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID);
    }
    if !allowed.execution_level && execution_level != level::WdfExecutionLevelInheritFromParent {
        return Err(STATUS_WDF_EXECUTION_LEVEL_INVALID);
    }
    Ok(())
}

fn check_context(attributes: &WDF_OBJECT_ATTRIBUTES) -> Result<(), NTSTATUS> {
    let Some(info) = type_info(attributes) else {
        return if attributes.ContextSizeOverride > 0 { Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID) } else { Ok(()) };
    };
    let size = info.Size as usize;
    if size != size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() && size != TYPE_INFO_V1_0 {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    if (info.ContextSize > 0 && info.ContextName.is_null())
        || (attributes.ContextSizeOverride > 0 && attributes.ContextSizeOverride < info.ContextSize)
    {
        return Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
    Ok(())
}

/// The context type of the attributes, if any.
pub(crate) fn type_info(attributes: &WDF_OBJECT_ATTRIBUTES) -> Option<WDF_OBJECT_CONTEXT_TYPE_INFO> {
    // SAFETY: the driver that passed the attributes vouches for the static type info they point to.
    unsafe { attributes.ContextTypeInfo.as_ref() }.copied()
}

/// Attributes with nothing set, as WDF_OBJECT_ATTRIBUTES_INIT leaves them.
#[cfg(test)]
pub(crate) fn init() -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as u32,
        ExecutionLevel: level::WdfExecutionLevelInheritFromParent,
        SynchronizationScope: scope::WdfSynchronizationScopeInheritFromParent,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_checked_as_the_framework_does() {
        assert_eq!(check(None, Allowed::PARENT), Ok(()));
        assert_eq!(check(None, Allowed::PARENT_REQUIRED), Err(STATUS_WDF_PARENT_NOT_SPECIFIED));
        assert_eq!(check(Some(&init()), Allowed::NONE), Ok(()));
        let with = |f: fn(&mut WDF_OBJECT_ATTRIBUTES)| {
            let mut attributes = init();
            f(&mut attributes);
            check(Some(&attributes), Allowed::NONE)
        };
        assert_eq!(with(|a| a.Size = 8), Err(STATUS_INFO_LENGTH_MISMATCH));
        assert_eq!(with(|a| a.ParentObject = 16 as _), Err(STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED));
        assert_eq!(with(|a| a.ExecutionLevel = 0), Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID));
        assert_eq!(with(|a| a.ExecutionLevel = 2), Err(STATUS_WDF_EXECUTION_LEVEL_INVALID));
        assert_eq!(with(|a| a.SynchronizationScope = 2), Err(STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID));
        assert_eq!(with(|a| a.ContextSizeOverride = 8), Err(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID));
    }
}
