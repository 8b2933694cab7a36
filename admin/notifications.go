package admin

import "lvsdr/admin/api"

var notificationMetrics = []metric{
	notificationCounter("notifications_delivered", "Events that were told.", func(n *api.Notifications) uint64 { return n.Delivered }),
	notificationCounter("notifications_failed", "Events that could not be told, retries included.", func(n *api.Notifications) uint64 { return n.Failed }),
	notificationCounter("notifications_lost", "Events that were dropped because the queue was full, or time was over.",
		func(n *api.Notifications) uint64 { return n.Lost }),
	gauge("notifications_waiting", "Events that wait to be told.", []string{"receiver"}, eachReceiver(func(n *api.Notifications) float64 { return float64(n.Waiting) })),
}

func notificationCounter(name, help string, of func(*api.Notifications) uint64) metric {
	return counter(name, help, []string{"receiver"}, eachReceiver(func(n *api.Notifications) float64 { return float64(of(n)) }))
}

func eachReceiver(of func(*api.Notifications) float64) func(*api.Status, emit) {
	return func(s *api.Status, out emit) {
		for i := range s.Notifications {
			out(of(&s.Notifications[i]), s.Notifications[i].Kind)
		}
	}
}
