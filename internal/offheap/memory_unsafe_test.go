package offheap

import (
	"errors"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

type value struct {
	number uint64
	bytes  [24]byte
	pair   [2]struct{ a, b int32 }
}

func TestMake(t *testing.T) {
	for name, m := range map[string]*Memory{"mapped": {}, "heap": {Heap: true}} {
		t.Run(name, func(t *testing.T) {
			const n = 100_000
			values, err := Make[value](m, n)
			if err != nil {
				t.Fatal(err)
			}
			others, err := Make[uint32](m, 3)
			if err != nil {
				t.Fatal(err)
			}
			if len(values) != n || cap(values) != n || len(others) != 3 {
				t.Errorf("%d of %d, and %d values", len(values), cap(values), len(others))
			}
			if want := n*int(unsafe.Sizeof(value{})) + 12; m.Bytes() != want {
				t.Errorf("%d bytes, want %d", m.Bytes(), want)
			}
			for i := range values {
				if values[i] != (value{}) {
					t.Fatalf("value %d is %+v", i, values[i])
				}
				values[i].number, values[i].bytes[23], values[i].pair[1].b = uint64(i), 1, -int32(i)
			}
			others[2] = 7
			if v := values[n-1]; v.number != n-1 || v.bytes[23] != 1 || v.pair[1].b != 1-n {
				t.Errorf("the last value is %+v", v)
			}
			for range 2 {
				if err := m.Free(); err != nil || m.Bytes() != 0 {
					t.Errorf("free: %v, %d bytes left", err, m.Bytes())
				}
			}
		})
	}
}

// TestResident: every page is there before it is used.
func TestResident(t *testing.T) {
	var m Memory
	b, err := Make[byte](&m, 9<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	for page, there := range resident(t, b) {
		if !there {
			t.Fatalf("page %d is not resident", page)
		}
	}
}

// TestPopulateIsNeeded: without it no page would be.
func TestPopulateIsNeeded(t *testing.T) {
	b, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(b)
	for page, there := range resident(t, b) {
		if there {
			t.Fatalf("page %d is resident", page)
		}
	}
	if err := populate(b); err != nil {
		t.Fatal(err)
	}
	for page, there := range resident(t, b) {
		if !there {
			t.Fatalf("page %d is not resident", page)
		}
	}
}

// resident asks the kernel which pages are in memory (mincore(2)).
func resident(t *testing.T, b []byte) (pages []bool) {
	t.Helper()
	state := make([]byte, (len(b)+os.Getpagesize()-1)/os.Getpagesize())
	_, _, errno := unix.Syscall(unix.SYS_MINCORE,
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), uintptr(unsafe.Pointer(unsafe.SliceData(state))))
	if errno != 0 {
		t.Fatal(errno)
	}
	for _, s := range state {
		pages = append(pages, s&1 != 0)
	}
	return pages
}

func TestRefused(t *testing.T) {
	var m Memory
	if _, err := Make[struct {
		a int
		b [2]*int
	}](&m, 1); err == nil {
		t.Error("pointers were taken")
	}
	if _, err := Make[[]byte](&m, 1); err == nil {
		t.Error("slices were taken")
	}
	if _, err := Make[int](&m, -1); err == nil {
		t.Error("a negative number was taken")
	}
	if _, err := Make[struct{}](&m, 1); err == nil {
		t.Error("values without a size were taken")
	}
	if none, err := Make[int](&m, 0); none != nil || err != nil {
		t.Errorf("nothing is %v, %v", none, err)
	}
	// More than an address space has.
	if _, err := Make[byte](&m, 1<<60); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("2^60 bytes: %v", err)
	}
	if m.Bytes() != 0 {
		t.Errorf("%d bytes, though all were refused", m.Bytes())
	}
}
