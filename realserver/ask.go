package realserver

import (
	"context"
	"errors"
	"reflect"
	"time"
)

// request is what somebody asks of a Keeper that runs.
type request struct {
	options *Options // nil: those that it has
	answer  chan error
}

// Reapply applies and looks at once, whatever the limits. It returns what stands
// in the way, or ctx's error.
func (k *Keeper) Reapply(ctx context.Context) error { return k.request(ctx, nil) }

// Update makes the Keeper keep other VIPs, or the same in another way, from now on.
// VIPs that are not in o stay applied and are not kept any more, unless o.Prune
// says to undo them. On error it keeps what it kept before. The state directory
// must stay the same. What it has already, it applies again as Reapply does.
func (k *Keeper) Update(ctx context.Context, o Options) error {
	o, err := o.withDefaults()
	switch {
	case err != nil:
		return err
	case len(o.VIPs) == 0:
		return ErrNoVIP
	}
	return k.request(ctx, &o)
}

func (k *Keeper) request(ctx context.Context, o *Options) error {
	r := request{o, make(chan error, 1)}
	select {
	case k.ask <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve does what is asked, in the goroutine of Run.
func (k *Keeper) serve(r request) error {
	var refused error
	if r.options != nil {
		refused = k.update(*r.options)
	}
	return errors.Join(refused, k.look(time.Now(), true))
}

func (k *Keeper) update(o Options) error {
	same := o
	same.Prune = false
	if reflect.DeepEqual(same, k.options) {
		return nil
	}
	if o.StateDir != k.options.StateDir {
		return errors.New("the state directory cannot change while VIPs are kept: stop, and start with the other one")
	}
	added := without(o.VIPs, k.options.VIPs)
	if err := k.inHand.take(added); err != nil {
		return err
	}
	if err := k.begin(o); err != nil {
		k.inHand.drop(added)
		return err
	}
	gone := without(k.inHand.vips(), o.VIPs)
	k.inHand.drop(gone)
	for _, vip := range gone {
		k.log.Info("not kept any more", "vip", vip)
	}
	return nil
}
