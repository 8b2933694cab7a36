package dataplane

import (
	"lvsdr/conntable"
	"lvsdr/frame"
	"lvsdr/service"
)

// remembered finds the server to which the client of a persistent service was
// sent before, if new connections may still go there. ok says that the template
// controls the connection that is about to be made, and that its time has
// started anew.
func (w *Worker) remembered(j *job) (rs *service.RealServer, ok bool) {
	conns, key := w.plane.conns, w.template(j)
	c, found := conns.LookupTemplate(&key, conns.Home(&key), w.now)
	if !found {
		return nil, false
	}
	rs = w.serverOf(&c)
	if rs == nil || !w.keepsClients(rs) {
		w.retire(j, &key, &c, rs)
		return nil, false
	}
	return rs, w.hold(j, &c, rs)
}

// hold makes a template control the connection that is about to be made. It does
// not if a reload since the batch began names the server's templates otherwise:
// the connection would not find the template by which it was held.
func (w *Worker) hold(j *job, c *conntable.Conn, rs *service.RealServer) bool {
	return rs.Owner().SameTemplates(j.svc) && w.plane.conns.Hold(c, j.svc.Timeouts, w.now)
}

// serverOf returns the server of a template that was found. It may have joined in
// a reload since the batch began, and another worker have made the template.
func (w *Worker) serverOf(c *conntable.Conn) *service.RealServer {
	if rs := w.table.Server(c.Server()); rs != nil {
		return rs
	}
	w.table = w.plane.services.Load()
	return w.table.Server(c.Server())
}

// keepsClients reports whether a server takes new connections of the clients
// that it has.
func (w *Worker) keepsClients(rs *service.RealServer) bool {
	switch {
	case isGone(rs), rs.Health() == service.Down:
		return false
	case w.settings.ExpireQuiescentTemplate:
		return rs.Weight() > 0
	}
	return true
}

// retire puts a template aside whose server takes no clients any more.
func (w *Worker) retire(j *job, key *conntable.Key, c *conntable.Conn, rs *service.RealServer) {
	dead := j.svc.DeadTemplate(j.key.Client(), j.key.VIP())
	if w.plane.conns.Retire(key, &dead, c, w.now) && rs != nil {
		rs.AddPersistent(1) // its removal counted one less
	}
}

// remember makes a template for a client that was sent to rs. It returns the
// server that the template leads to, which is another if another worker was
// faster, and whether the template controls the connection. Without a place for
// a template, a hash of the client's address keeps it where it is.
func (w *Worker) remember(j *job, k *frame.Key, rs *service.RealServer) (*service.RealServer, bool) {
	conns, key := w.plane.conns, w.template(j)
	lifetime := j.svc.Timeouts[conntable.StateTemplate]
	c, outcome := conns.Insert(&key, conns.Home(&key), rs.ID, conntable.StateTemplate, lifetime, w.now)
	switch outcome {
	case conntable.Full:
		if picked := w.pickOverflow(j.svc, k); picked != nil {
			if hashed := w.server(picked); hashed != nil {
				return hashed, false
			}
		}
		return rs, false
	case conntable.Inserted:
		rs.AddPersistent(1)
		if !rs.Owner().SameTemplates(j.svc) { // a reload may have looked for such templates already
			conns.Delete(&key, conns.Home(&key), &c)
			return rs, false
		}
	case conntable.Existed:
		other := w.serverOf(&c)
		if other == nil || !w.keepsClients(other) {
			return rs, false
		}
		rs = other
	}
	return rs, w.hold(j, &c, rs)
}

// assure notes with its template that a connection was established.
func (w *Worker) assure(j *job, server uint32) {
	key := w.template(j)
	w.plane.conns.Assure(&key, server)
}

// release ends the control of a template over a connection that was not made.
func (w *Worker) release(j *job, server uint32) {
	key := w.template(j)
	w.plane.conns.Release(&key, server)
}

// template is the key of the template of the packet's client.
func (w *Worker) template(j *job) conntable.Key {
	return j.svc.Template(j.key.Client(), j.key.VIP())
}
