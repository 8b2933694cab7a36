package realserver

// ApplyAt is Apply, and calls at whenever the record is about to be, or has been,
// replaced.
func ApplyAt(o Options, h Host, at func(stage string)) error { return runAt(o, h, at, apply) }

// UndoAt is Undo likewise.
func UndoAt(o Options, h Host, at func(stage string)) error { return runAt(o, h, at, undo) }

func runAt(o Options, h Host, at func(string), fn func(*runner) error) error {
	r, err := newRunner(o, h)
	if err != nil {
		return err
	}
	r.store.hook = at
	return fn(r)
}
