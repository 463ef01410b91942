package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	coreinformers "k8s.io/client-go/informers/core/v1"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	v1core "k8s.io/client-go/kubernetes/typed/core/v1"
	autoscalinglisters "k8s.io/client-go/listers/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	scaleclient "k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	customapi "k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	externalapi "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	metricsapi "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	resourceclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	customclient "k8s.io/metrics/pkg/client/custom_metrics"
	externalclient "k8s.io/metrics/pkg/client/external_metrics"
)

// A pass is what dclab's traces hold of one (dclab/autoscaler/trace.py); times are in seconds.
type pass struct {
	At   float64     `json:"at"`
	Seen observation `json:"seen"`
}

type observation struct {
	Replicas       int32                           `json:"replicas"`
	StatusReplicas int32                           `json:"status_replicas"`
	Pods           []pod                           `json:"pods"`
	Usage          map[string]sample               `json:"usage"`    // millicores
	Requests       map[string]json.Number          `json:"requests"` // millicores
	PodMetrics     map[string]map[string]podMetric `json:"pod_metrics"`
	Values         map[string]json.Number          `json:"values"`
}

type pod struct {
	Name         string  `json:"name"`
	Ready        *bool   `json:"ready"`
	Started      float64 `json:"started"`
	ReadyChanged float64 `json:"ready_changed"`
	Phase        string  `json:"phase"`
	Deleted      bool    `json:"deleted"`
	Container    string  `json:"container"`
}

type sample struct {
	Value  json.Number `json:"value"`
	At     float64     `json:"at"`
	Window float64     `json:"window"`
}

type podMetric struct {
	Value json.Number `json:"value"`
}

// The world is what the controller sees; its worker stands still in autoscalerLister.Get between the passes.
type world struct {
	autoscaler *autoscalingv2.HorizontalPodAutoscaler
	passes     []pass
	done       chan struct{}

	ctx      context.Context
	zero     time.Time
	next     int
	now      *observation
	pods     cache.Indexer
	outcomes []outcome
}

const lead = 10 * time.Second // until the first pass, in which the controller starts

func (w *world) begin(ctx context.Context) {
	w.ctx = ctx
	w.done = make(chan struct{}) // a channel belongs to the bubble that makes it
	w.zero = time.Now().Add(lead - seconds(w.passes[0].At))
	w.pods = cache.NewIndexer(
		cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc},
	)
}

func (w *world) time(at float64) metav1.Time {
	return metav1.NewTime(w.zero.Add(seconds(at)))
}

// await sleeps until the next pass is due and shows what it sees; false after the last.
func (w *world) await() bool {
	if w.next > 0 {
		w.finish()
	}
	if w.next == len(w.passes) {
		close(w.done)
		<-w.ctx.Done()
		return false
	}
	due := w.passes[w.next]
	// Events still on their way arrive first: a bubble's clock moves when all else rests.
	time.Sleep(time.Until(w.time(due.At).Time))
	w.next++
	w.now = &due.Seen
	w.outcomes = append(w.outcomes, outcome{Desired: w.now.Replicas})
	var objects []interface{}
	for _, one := range w.now.Pods {
		objects = append(objects, w.object(one))
	}
	_ = w.pods.Replace(objects, "")
	return true
}

// finish reads the pass before from the autoscaler's status.
func (w *world) finish() {
	status := w.autoscaler.Status
	last := &w.outcomes[w.next-1]
	for _, one := range status.Conditions {
		last.Conditions = append(last.Conditions, [4]string{string(one.Type), string(one.Status), one.Reason, one.Message})
	}
	for i, one := range w.autoscaler.Spec.Metrics {
		found := reading{}
		if i < len(status.CurrentMetrics) && status.CurrentMetrics[i].Type == one.Type {
			found = read(status.CurrentMetrics[i])
		}
		last.Metrics = append(last.Metrics, found)
	}
}

func read(status autoscalingv2.MetricStatus) reading {
	var current autoscalingv2.MetricValueStatus
	switch status.Type {
	case autoscalingv2.ResourceMetricSourceType:
		current = status.Resource.Current
	case autoscalingv2.PodsMetricSourceType:
		current = status.Pods.Current
	case autoscalingv2.ObjectMetricSourceType:
		current = status.Object.Current
	case autoscalingv2.ExternalMetricSourceType:
		current = status.External.Current
	}
	found := reading{Percent: current.AverageUtilization}
	for _, one := range []*resource.Quantity{current.Value, current.AverageValue} {
		if one != nil {
			milli := one.MilliValue()
			found.Milli = &milli
		}
	}
	return found
}

func (w *world) object(given pod) *v1.Pod {
	status := v1.ConditionUnknown
	if given.Ready != nil {
		status = v1.ConditionFalse
		if *given.Ready {
			status = v1.ConditionTrue
		}
	}
	requests := v1.ResourceList{}
	if request, found := w.now.Requests[given.Name]; found {
		requests[v1.ResourceCPU] = resource.MustParse(request.String() + "m")
	}
	started := w.time(given.Started)
	made := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: given.Name, Namespace: w.autoscaler.Namespace, Labels: map[string]string{"app": "target"},
		},
		Spec: v1.PodSpec{Containers: []v1.Container{
			{Name: given.Container, Resources: v1.ResourceRequirements{Requests: requests}},
		}},
		Status: v1.PodStatus{
			Phase:     v1.PodPhase(given.Phase),
			StartTime: &started,
			Conditions: []v1.PodCondition{
				{Type: v1.PodReady, Status: status, LastTransitionTime: w.time(given.ReadyChanged)},
			},
		},
	}
	if given.Deleted {
		made.DeletionTimestamp = &started
	}
	return made
}

// autoscalerInformer announces the one autoscaler; its lister is what the controller waits at.
type autoscalerInformer struct{ world *world }

func (i autoscalerInformer) Informer() cache.SharedIndexInformer { return announcer{world: i.world} }
func (i autoscalerInformer) Lister() autoscalinglisters.HorizontalPodAutoscalerLister {
	return autoscalerLister{world: i.world}
}

type announcer struct {
	cache.SharedIndexInformer
	world *world
}

func (a announcer) HasSynced() bool { return true }

// GetStore is asked, from 1.37 on, how far the informer has read: an empty store does not say, and nothing waits for it.
func (a announcer) GetStore() cache.Store { return cache.NewStore(cache.MetaNamespaceKeyFunc) }
func (a announcer) AddEventHandlerWithResyncPeriod(handler cache.ResourceEventHandler, _ time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	handler.OnAdd(a.world.autoscaler, true)
	return nil, nil
}

type autoscalerLister struct {
	autoscalinglisters.HorizontalPodAutoscalerLister
	autoscalinglisters.HorizontalPodAutoscalerNamespaceLister
	world *world
}

func (l autoscalerLister) List(labels.Selector) ([]*autoscalingv2.HorizontalPodAutoscaler, error) {
	return []*autoscalingv2.HorizontalPodAutoscaler{l.world.autoscaler}, nil
}
func (l autoscalerLister) HorizontalPodAutoscalers(string) autoscalinglisters.HorizontalPodAutoscalerNamespaceLister {
	return l
}
func (l autoscalerLister) Get(name string) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	if !l.world.await() {
		return nil, errors.NewNotFound(autoscalingv2.Resource("horizontalpodautoscalers"), name)
	}
	return l.world.autoscaler, nil
}

type autoscalers struct {
	autoscalingclient.HorizontalPodAutoscalerInterface
	world *world
}

func (a autoscalers) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return a
}
func (a autoscalers) UpdateStatus(_ context.Context, changed *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	stored := a.world.autoscaler.DeepCopy()
	stored.Status = changed.Status
	a.world.autoscaler = stored
	return stored, nil
}

type podInformer struct {
	coreinformers.PodInformer
	lister corelisters.PodLister
}

func (i podInformer) Informer() cache.SharedIndexInformer { return announcer{} }
func (i podInformer) Lister() corelisters.PodLister       { return i.lister }

type scales struct {
	scaleclient.ScaleInterface
	world *world
}

func (s scales) Scales(string) scaleclient.ScaleInterface { return s }
func (s scales) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	return &autoscalingv1.Scale{
		Spec:   autoscalingv1.ScaleSpec{Replicas: s.world.now.Replicas},
		Status: autoscalingv1.ScaleStatus{Replicas: s.world.now.StatusReplicas, Selector: "app=target"},
	}, nil
}
func (s scales) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	s.world.outcomes[s.world.next-1].Desired = scale.Spec.Replicas
	return scale, nil
}

type podMetrics struct {
	resourceclient.PodMetricsInterface
	world *world
}

func (m podMetrics) PodMetricses(string) resourceclient.PodMetricsInterface { return m }
func (m podMetrics) List(context.Context, metav1.ListOptions) (*metricsapi.PodMetricsList, error) {
	list := &metricsapi.PodMetricsList{}
	for name, one := range m.world.now.Usage {
		list.Items = append(list.Items, metricsapi.PodMetrics{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Timestamp:  m.world.time(one.At),
			Window:     metav1.Duration{Duration: seconds(one.Window)},
			Containers: []metricsapi.ContainerMetrics{
				{Usage: v1.ResourceList{v1.ResourceCPU: resource.MustParse(one.Value.String() + "m")}},
			},
		})
	}
	return list, nil
}

type customMetrics struct{ world *world }

func (m customMetrics) RootScopedMetrics() customclient.MetricsInterface       { return m }
func (m customMetrics) NamespacedMetrics(string) customclient.MetricsInterface { return m }

func (m customMetrics) GetForObject(kind schema.GroupKind, name, metric string, _ labels.Selector) (*customapi.MetricValue, error) {
	value, found := m.world.now.Values[metric]
	if !found {
		return nil, fmt.Errorf("no metrics returned")
	}
	return &customapi.MetricValue{Value: resource.MustParse(value.String())}, nil
}

func (m customMetrics) GetForObjects(_ schema.GroupKind, _ labels.Selector, metric string, _ labels.Selector) (*customapi.MetricValueList, error) {
	list := &customapi.MetricValueList{}
	for name, one := range m.world.now.PodMetrics[metric] {
		list.Items = append(list.Items, customapi.MetricValue{
			DescribedObject: v1.ObjectReference{Kind: "Pod", Name: name}, Value: resource.MustParse(one.Value.String()),
		})
	}
	return list, nil
}

type externalMetrics struct{ world *world }

func (m externalMetrics) NamespacedMetrics(string) externalclient.MetricsInterface { return m }
func (m externalMetrics) List(metric string, _ labels.Selector) (*externalapi.ExternalMetricValueList, error) {
	list := &externalapi.ExternalMetricValueList{}
	if value, found := m.world.now.Values[metric]; found {
		list.Items = append(list.Items, externalapi.ExternalMetricValue{Value: resource.MustParse(value.String())})
	}
	return list, nil
}

// eventLog takes the events from the controller's log: on their way to the API server some are merged or dropped.
type eventLog struct{ world *world }

func (l *eventLog) Init(logr.RuntimeInfo)                  {}
func (l *eventLog) Enabled(int) bool                       { return true }
func (l *eventLog) Error(error, string, ...interface{})    {}
func (l *eventLog) WithValues(...interface{}) logr.LogSink { return l }
func (l *eventLog) WithName(string) logr.LogSink           { return l }
func (l *eventLog) Info(_ int, message string, pairs ...interface{}) {
	if message != "Event occurred" {
		return
	}
	said := map[interface{}]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		said[pairs[i]] = fmt.Sprint(pairs[i+1])
	}
	last := &l.world.outcomes[l.world.next-1]
	last.Events = append(last.Events, [3]string{said["type"], said["reason"], said["message"]})
}

type eventSink struct{ v1core.EventInterface }

func (s eventSink) Events(string) v1core.EventInterface                         { return s }
func (s eventSink) CreateWithEventNamespace(event *v1.Event) (*v1.Event, error) { return event, nil }
func (s eventSink) PatchWithEventNamespace(event *v1.Event, _ []byte) (*v1.Event, error) {
	return event, nil
}
