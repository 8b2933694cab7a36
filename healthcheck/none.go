package healthcheck

import "context"

// none finds every server healthy without asking it.
type none struct{}

func newNone(Spec, Target, Way) (question, error) { return none{}, nil }

func (none) ask(context.Context) (Result, error) { return Result{Message: "not checked"}, nil }

func (none) String() string { return "none" }
