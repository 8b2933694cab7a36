package healthcheck

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if run := children[os.Getenv(childName)]; run != nil {
		run()
		return
	}
	goleak.VerifyTestMain(m)
}
