package offheap

import "unsafe"

// view returns b, which starts at a page, as n values of a type without
// pointers.
func view[T any](b []byte, n int) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
