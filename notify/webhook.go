package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"lvsdr/admin/api"
)

const (
	// firstPause is what a webhook waits before it tries again, and twice as long each
	// time after that, up to lastPause.
	firstPause = time.Second
	lastPause  = 30 * time.Second
	// maxAnswer is how much of an answer is read, so that its connection can be used
	// again.
	maxAnswer = 64 << 10
	// idleConnection is how long a connection is kept for the next event.
	idleConnection = 30 * time.Second
)

// webhookReceiver sends each event to a web server.
type webhookReceiver struct {
	Webhook
	client *http.Client
}

func openWebhook(w Webhook) (receiver, error) {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: idleConnection, TLSHandshakeTimeout: w.Timeout,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
	}
	if w.CA != "" {
		roots, err := ReadCA(w.CA)
		if err != nil {
			return nil, fmt.Errorf("notify by %s: %w", w.name(), err)
		}
		t.TLSClientConfig.RootCAs = roots
	}
	return &webhookReceiver{Webhook: w, client: &http.Client{
		Transport: t,
		// A POST that is sent elsewhere would become a GET, or tell the event to whom
		// nobody named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// ReadCA reads a file of PEM certificates.
func ReadCA(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no PEM certificate", file)
	}
	return roots, nil
}

func (r *webhookReceiver) close() { r.client.CloseIdleConnections() }

// deliver sends an event, and again after a failure that may pass.
func (r *webhookReceiver) deliver(ctx context.Context, hurry <-chan struct{}, e *api.Event) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	pause := firstPause
	for attempt := 0; ; attempt++ {
		again, err := r.post(ctx, text)
		if err == nil || !again || attempt == r.Retries {
			return err
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, lastPause)
		case <-hurry:
			return err
		case <-ctx.Done():
			return err
		}
	}
}

// post sends it once; again says whether to try again may help.
func (r *webhookReceiver) post(ctx context.Context, text []byte) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(text))
	if err != nil {
		return false, withoutURL(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "director")
	response, err := r.client.Do(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return true, fmt.Errorf("no answer within %v", r.Timeout)
	}
	if err != nil {
		return true, withoutURL(err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // the verdict is known
	switch code := response.StatusCode; {
	case code >= 200 && code <= 299:
		return false, nil
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return true, fmt.Errorf("answered %s", response.Status)
	default:
		return false, fmt.Errorf("answered %s", response.Status)
	}
}

// withoutURL is the error without what may be a secret.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
