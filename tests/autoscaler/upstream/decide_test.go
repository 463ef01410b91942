package upstream

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

// The flags of kube-controller-manager at their defaults
// (pkg/controller/podautoscaler/config/v1alpha1/defaults.go).
const (
	downscaleStabilization = 5 * time.Minute
	tolerance              = 0.1
	cpuInitialization      = 5 * time.Minute
	initialReadiness       = 30 * time.Second
)

// The outcome of one pass.
type outcome struct {
	Desired    int32       `json:"desired"`
	Metrics    []reading   `json:"metrics"`
	Conditions [][4]string `json:"conditions"` // type, status, reason, message
	Events     [][3]string `json:"events"`     // type, reason, message
}

// A reading is what a metric is, in milli-units, and in percent where its target is; neither when it is unknown.
type reading struct {
	Milli   *int64 `json:"milli"`
	Percent *int32 `json:"percent"`
}

// decide runs the controller over the passes, each at its time on the clock of a bubble of its own.
func decide(t *testing.T, autoscaler *autoscalingv2.HorizontalPodAutoscaler, passes []pass) []outcome {
	seen := &world{autoscaler: autoscaler, passes: passes}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logr.New(&eventLog{world: seen})))
		seen.begin(ctx)
		mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{{Group: "apps", Version: "v1"}})
		mapper.Add(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, meta.RESTScopeNamespace)
		controller := podautoscaler.NewHorizontalController(
			ctx,
			eventSink{},
			scales{world: seen},
			autoscalers{world: seen},
			mapper,
			metrics.NewRESTMetricsClient(podMetrics{world: seen}, customMetrics{world: seen}, externalMetrics{world: seen}),
			autoscalerInformer{world: seen},
			podInformer{lister: corelisters.NewPodLister(seen.pods)},
			time.Millisecond,
			downscaleStabilization,
			tolerance,
			cpuInitialization,
			initialReadiness,
		)
		go controller.Run(ctx, 1)
		<-seen.done
		synctest.Wait()
		cancel()
	})
	return seen.outcomes
}

func seconds(given float64) time.Duration {
	return time.Duration(math.Round(given * 1e9))
}
