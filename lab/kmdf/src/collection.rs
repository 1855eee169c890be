//! Collections and strings.

use crate::args::{In, Out, Utf16, Utf16Out};
use crate::ddi::ddi;
use crate::loader::driver_of;
use crate::object::attributes::{self, Allowed};
use crate::object::{Hooks, dereference, new_object, payload, reference, set_hooks};
use lab_kernel::rules;
use std::cell::RefCell;
use wdk_sys::{
    NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG, UNICODE_STRING, WDF_OBJECT_ATTRIBUTES, WDFCOLLECTION,
    WDFOBJECT, WDFSTRING,
};

rules! {
    COLLECTION_ITEM: "Items removed from a collection are in it", "DDI wdfcollection WdfCollectionRemove, WdfCollectionRemoveItem";
}

/// Payload of WDFCOLLECTION: handles, each with a reference.
#[derive(Default)]
struct Collection(RefCell<Vec<WDFOBJECT>>);

/// Payload of WDFSTRING: terminated UTF-16.
struct Text(RefCell<Box<[u16]>>);

/// Gives a string object another text.
pub(crate) fn assign_string(string: WDFSTRING, text: &str) {
    *payload::<Text>(string.cast()).0.borrow_mut() = units(text);
}

fn units(text: &str) -> Box<[u16]> {
    text.encode_utf16().chain([0]).collect()
}

fn items(collection: WDFCOLLECTION) -> &'static RefCell<Vec<WDFOBJECT>> {
    &payload::<Collection>(collection.cast()).0
}

fn empty(handle: WDFOBJECT) {
    for item in items(handle.cast()).take() {
        dereference(item);
    }
}

fn remove(collection: WDFCOLLECTION, at: Option<usize>) {
    let items = items(collection);
    let at = at.filter(|&i| i < items.borrow().len());
    if COLLECTION_ITEM.check(at.is_some(), || format!("collection {collection:p}")) {
        let item = at.map(|i| items.borrow_mut().remove(i));
        item.into_iter().for_each(dereference);
    }
}

fn item(collection: WDFCOLLECTION, at: usize) -> WDFOBJECT {
    items(collection).borrow().get(at).copied().unwrap_or(std::ptr::null_mut())
}

ddi! {
    fn WdfCollectionCreate(DISPATCH_LEVEL, globals; attributes: In<WDF_OBJECT_ATTRIBUTES>, collection: Out<WDFCOLLECTION>) -> NTSTATUS {
        collection.require("Collection");
        let made = attributes::read(attributes, Allowed::PARENT).and_then(|attributes| {
            new_object("WDFCOLLECTION", attributes.as_ref(), driver_of(globals), globals, Box::<Collection>::default())
        });
        match made {
            Ok(handle) => {
                set_hooks(handle, Hooks { dispose: Some(empty), ..Hooks::default() });
                collection.set(handle.cast(), "Collection");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfCollectionGetCount(DISPATCH_LEVEL; collection: WDFCOLLECTION) -> ULONG {
        items(collection).borrow().len() as ULONG
    }

    fn WdfCollectionAdd(DISPATCH_LEVEL; collection: WDFCOLLECTION, object: WDFOBJECT) -> NTSTATUS {
        let items = items(collection);
        reference(object);
        items.borrow_mut().push(object);
        STATUS_SUCCESS
    }

    fn WdfCollectionRemove(DISPATCH_LEVEL; collection: WDFCOLLECTION, object: WDFOBJECT) {
        let at = items(collection).borrow().iter().position(|&i| i == object);
        remove(collection, at);
    }

    fn WdfCollectionRemoveItem(DISPATCH_LEVEL; collection: WDFCOLLECTION, index: ULONG) {
        remove(collection, Some(index as usize));
    }

    fn WdfCollectionGetItem(DISPATCH_LEVEL; collection: WDFCOLLECTION, index: ULONG) -> WDFOBJECT {
        item(collection, index as usize)
    }

    fn WdfCollectionGetFirstItem(DISPATCH_LEVEL; collection: WDFCOLLECTION) -> WDFOBJECT {
        item(collection, 0)
    }

    fn WdfCollectionGetLastItem(DISPATCH_LEVEL; collection: WDFCOLLECTION) -> WDFOBJECT {
        let last = items(collection).borrow().len().wrapping_sub(1);
        item(collection, last)
    }

    fn WdfStringCreate(PASSIVE_LEVEL, globals; text: Utf16, attributes: In<WDF_OBJECT_ATTRIBUTES>, string: Out<WDFSTRING>) -> NTSTATUS {
        string.require("String");
        // A null text makes an empty string.
        let text = if text.is_null() { Some(String::new()) } else { text.text("UnicodeString") };
        let Some(text) = text else { return STATUS_INVALID_PARAMETER };
        let payload = Box::new(Text(RefCell::new(units(&text))));
        let made = attributes::read(attributes, Allowed::PARENT).and_then(|attributes| {
            new_object("WDFSTRING", attributes.as_ref(), driver_of(globals), globals, payload)
        });
        match made {
            Ok(handle) => {
                string.set(handle.cast(), "String");
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn WdfStringGetUnicodeString(PASSIVE_LEVEL; string: WDFSTRING, result: Utf16Out) {
        let text = payload::<Text>(string.cast()).0.borrow();
        let bytes = (text.len() * 2) as u16;
        let buffer = text.as_ptr().cast_mut();
        result.point_at(UNICODE_STRING { Length: bytes - 2, MaximumLength: bytes, Buffer: buffer });
    }
}
