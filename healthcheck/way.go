package healthcheck

import "syscall"

// with returns the way with another preparation of its sockets, which comes after
// that of the way. A Dial of the caller's stays as it is.
func (w Way) with(prepare func(fd int) error) Way {
	first := w.Control
	w.Control = func(network, address string, c syscall.RawConn) error {
		if first != nil {
			if err := first(network, address, c); err != nil {
				return err
			}
		}
		var err error
		if e := c.Control(func(fd uintptr) { err = prepare(int(fd)) }); e != nil {
			return e
		}
		return err
	}
	return w
}
