package healthcheck

import "context"

// none finds every server healthy without asking it.
type none struct{}

func newNone(Spec, Target, Way) (Checker, error) { return none{}, nil }

func (none) Check(context.Context) Result { return Result{OK: true, Message: "not checked"} }

func (none) String() string { return "none" }
