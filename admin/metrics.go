package admin

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"lvsdr/admin/api"
)

const (
	scrapeTimeout = 9 * time.Second // Prometheus gives up after 10
	maxScrapes    = 4               // at once
)

// newMetrics is the handler of GET /metrics.
func newMetrics(source Source, log *slog.Logger) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collector{source},
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
	})
}

// collector makes metrics of one status. A director that does not answer makes
// the scrape fail, so that `up` is 0 and no counter seems to go back.
type collector struct{ source Source }

// Describe implements [prometheus.Collector].
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range metrics {
		ch <- m.desc
	}
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	status, err := c.source.Status(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(metrics[0].desc, err)
		return
	}
	for _, m := range metrics {
		m.read(status, func(value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
		})
	}
}

// emit takes one sample of a metric, with the values of its labels.
type emit func(value float64, labels ...string)

// metric is one family of samples and how to read it from a status.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*api.Status, emit)
}

func gauge(name, help string, labels []string, read func(*api.Status, emit)) metric {
	return metric{prometheus.NewDesc("director_"+name, help, labels, nil), prometheus.GaugeValue, read}
}

func counter(name, help string, labels []string, read func(*api.Status, emit)) metric {
	m := gauge(name+"_total", help, labels, read)
	m.kind = prometheus.CounterValue
	return m
}

// metrics is every family, in the order of docs/operations.md.
var metrics = slices.Concat(directorMetrics, memoryMetrics, lanMetrics, serviceMetrics, serverMetrics, connectionMetrics, frameMetrics, notificationMetrics)

// truth is a condition as a sample.
func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
