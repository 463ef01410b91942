// Package upstream asks Kubernetes' own code what it makes of an autoscaler: one JSON question a line on standard
// input, one JSON answer a line on the file descriptor 3 (standard output belongs to the testing package).
//
// It is built as a test binary because only testing/synctest makes time.Now, which the controller reads, a clock that can
// be set. Nothing of Kubernetes is copied or replaced: the controller, the client of the metrics APIs, the defaults, the
// conversions and the validation are the published ones; what they ask is answered from the question.
package upstream

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"testing"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

// A question is a manifest to judge, or, where it has passes, one to decide by as well.
type question struct {
	Manifest string `json:"manifest"`
	// Gates are feature gates that are set; the others are at the release's defaults.
	Gates  map[string]bool `json:"gates"`
	Passes []pass          `json:"passes"`
}

type answer struct {
	// Refused is what the API server would say; empty when it would accept the manifest.
	Refused string `json:"refused,omitempty"`
	// Manifest is what the API server would store, in autoscaling/v2.
	Manifest json.RawMessage `json:"manifest,omitempty"`
	Passes   []outcome       `json:"passes,omitempty"`
}

func TestAnswer(t *testing.T) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	utilruntime.ErrorHandlers = nil
	questions := bufio.NewReaderSize(os.Stdin, 1<<20)
	answers := json.NewEncoder(os.NewFile(3, "answers"))
	for {
		line, err := questions.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			t.Fatal(err)
		}
		setGates(t, asked.Gates)
		var told answer
		autoscaler, err := accept(asked.Manifest)
		if err != nil {
			told.Refused = err.Error()
		} else {
			stored := encode(t, autoscaler)
			told.Manifest = stored
			if len(asked.Passes) > 0 {
				told.Passes = decide(t, decode(t, stored), asked.Passes)
			}
		}
		if err := answers.Encode(told); err != nil {
			t.Fatal(err)
		}
	}
}
