package offheap

import (
	"errors"
	"fmt"
	"reflect"
)

// Memory is what was set aside together and is freed together. The zero value
// is ready to use. It belongs to one goroutine; what was made of it does not.
type Memory struct {
	// Heap takes everything from the Go heap instead. The race detector sees
	// only the heap.
	Heap bool

	bytes  int
	mapped [][]byte
}

// Make returns n zeroed values of a type without pointers, which would be none
// that the collector sees. They are aligned to a page, and must not be used any
// more once the memory is freed.
// Errors: n is negative, or the kernel's refusal.
func Make[T any](m *Memory, n int) ([]T, error) {
	t := reflect.TypeFor[T]()
	if hasPointers(t) {
		return nil, fmt.Errorf("memory outside the heap: %v holds pointers", t)
	}
	size := int(t.Size())
	if n < 0 || size == 0 {
		return nil, fmt.Errorf("memory outside the heap: %d values of %d bytes", n, size)
	}
	if n == 0 {
		return nil, nil
	}
	if m.Heap {
		m.bytes += n * size
		return make([]T, n), nil
	}
	b, err := mapPages(n * size)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", megabytes(n*size), err)
	}
	m.bytes += n * size
	m.mapped = append(m.mapped, b)
	return view[T](b, n), nil
}

// Bytes is what all values take.
func (m *Memory) Bytes() int { return m.bytes }

// Free gives everything back. A second Free does nothing.
func (m *Memory) Free() error {
	var errs []error
	for _, b := range m.mapped {
		errs = append(errs, unmap(b))
	}
	m.mapped, m.bytes = nil, 0
	return errors.Join(errs...)
}

// megabytes is a size as an operator reads it.
func megabytes(n int) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// hasPointers reports whether a value refers to others.
func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return false
	case reflect.Array:
		return hasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return true
}
