// The inference engine of the document that this course teaches from, token for token; only the indentation,
// which the document had lost, is put back. Chapter 08 finds its faults. Nothing here is mended: it is measured.

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
/**
 * Enterprise multi-threaded computational matrix engine for executing CNN inference pipelines.
 */
public class EnterpriseCNNInferenceEngine {
    private final int computationalCores;
    private final ExecutorService threadWorkerPool;
    public EnterpriseCNNInferenceEngine() {
        this.computationalCores = Runtime.getRuntime().availableProcessors();
        this.threadWorkerPool = Executors.newFixedThreadPool(computationalCores);
    }
    /**
     * Executes a parallelized 2D cross-correlation pass across a multi-channel image tensor.
     * @param input Matrix block shaped [Height][Width][Channels]
     * @param kernel Filter parameters tensor shaped [KernelHeight][KernelWidth][Channels][Filters]
     * @param biases Vector of scalar bias parameters shaped [Filters]
     * @param stride Spatial step increment
     * @return Output tensor block transformed to shape [OutputHeight][OutputWidth][Filters]
     */
    public double[][][] forwardConvolution2D(final double[][][] input, final double[][][][] kernel, final double[] biases, final int stride) {
        int inHeight = input.length;
        int inWidth = input[0].length;
        int inChannels = input[0][0].length;
        int kHeight = kernel.length;
        int kWidth = kernel[0].length;
        int outFilters = kernel[0][0][0].length;
        final int outHeight = (inHeight - kHeight) / stride + 1;
        final int outWidth = (inWidth - kWidth) / stride + 1;
        final double[][][] outputTensor = new double[outHeight][outWidth][outFilters];
        List<Future<Void>> trackingTasks = new ArrayList<>();
        int rowsPerThreadChunk = (int) Math.ceil((double) outHeight / computationalCores);
        for (int core = 0; core < computationalCores; core++) {
            final int startH = core * rowsPerThreadChunk;
            final int endH = Math.min(startH + rowsPerThreadChunk, outHeight);
            if (startH >= outHeight) break;
            trackingTasks.add(threadWorkerPool.submit(() -> {
                for (int oh = startH; oh < endH; oh++) {
                    int ihBase = oh * stride;
                    for (int ow = 0; ow < outWidth; ow++) {
                        int iwBase = ow * stride;
                        for (int f = 0; f < outFilters; f++) {
                            double accumulatedSum = 0.0;
                            for (int kh = 0; kh < kHeight; kh++) {
                                for (int kw = 0; kw < kWidth; kw++) {
                                    for (int c = 0; c < inChannels; c++) {
                                        accumulatedSum += input[ihBase + kh][iwBase + kw][c] * kernel[kh][kw][c][f];
                                    }
                                }
                            }
                            // Apply bias and map output through a ReLU activation step
                            double preActivation = accumulatedSum + biases[f];
                            outputTensor[oh][ow][f] = preActivation > 0.0 ? preActivation : 0.0;
                        }
                    }
                }
                return null;
            }));
        }
        try {
            for (Future<Void> task : trackingTasks) {
                task.get(); // Synchronize all concurrent processing tasks
            }
        } catch (Exception e) {
            throw new RuntimeException("Parallel convolution matrix step failed execution layout bounds", e);
        }
        return outputTensor;
    }
    /**
     * Executes a parallelized Max Pooling pass across a feature tensor.
     * @param input Matrix block shaped [Height][Width][Channels]
     * @param poolSize Size of the square pooling window
     * @param stride Spatial step increment
     * @return Downsampled tensor block transformed to shape [OutputHeight][OutputWidth][Channels]
     */
    public double[][][] forwardMaxPooling2D(final double[][][] input, final int poolSize, final int stride) {
        int inHeight = input.length;
        int inWidth = input[0].length;
        final int channels = input[0][0].length;
        final int outHeight = (inHeight - poolSize) / stride + 1;
        final int outWidth = (inWidth - poolSize) / stride + 1;
        final double[][][] pooledTensor = new double[outHeight][outWidth][channels];
        List<Future<Void>> trackingTasks = new ArrayList<>();
        int rowsPerThreadChunk = (int) Math.ceil((double) outHeight / computationalCores);
        for (int core = 0; core < computationalCores; core++) {
            final int startH = core * rowsPerThreadChunk;
            final int endH = Math.min(startH + rowsPerThreadChunk, outHeight);
            if (startH >= outHeight) break;
            trackingTasks.add(threadWorkerPool.submit(() -> {
                for (int oh = startH; oh < endH; oh++) {
                    int ihBase = oh * stride;
                    for (int ow = 0; ow < outWidth; ow++) {
                        int iwBase = ow * stride;
                        for (int c = 0; c < channels; c++) {
                            double peakValue = -Double.MAX_VALUE;
                            for (int ph = 0; ph < poolSize; ph++) {
                                for (int pw = 0; pw < poolSize; pw++) {
                                    double targetValue = input[ihBase + ph][iwBase + pw][c];
                                    if (targetValue > peakValue) {
                                        peakValue = targetValue;
                                    }
                                }
                            }
                            pooledTensor[oh][ow][c] = peakValue;
                        }
                    }
                }
                return null;
            }));
        }
        try {
            for (Future<Void> task : trackingTasks) {
                task.get(); // Await processing block complete
            }
        } catch (Exception e) {
            throw new RuntimeException("Parallel max pooling step failed execution layout bounds", e);
        }
        return pooledTensor;
    }
    /**
     * Executes a fully connected layer transformation across a batch of continuous rows.
     * @param inputs Flattened batch vectors shaped [BatchSize][PriorNeurons]
     * @param weights Parameters layer matrix shaped [TargetNeurons][PriorNeurons]
     * @param biases Parameters vector shaped [TargetNeurons]
     * @return Transformed activation matrix output shaped [BatchSize][TargetNeurons]
     */
    public double[][] forwardDense(final double[][] inputs, final double[][] weights, final double[] biases) {
        final int batchSize = inputs.length;
        final int priorNeurons = inputs[0].length;
        final int targetNeurons = weights.length;
        final double[][] outputMatrix = new double[batchSize][targetNeurons];
        List<Future<Void>> trackingTasks = new ArrayList<>();
        int batchChunkSize = (int) Math.ceil((double) batchSize / computationalCores);
        for (int core = 0; core < computationalCores; core++) {
            final int startB = core * batchChunkSize;
            final int endB = Math.min(startB + batchChunkSize, batchSize);
            if (startB >= batchSize) break;
            trackingTasks.add(threadWorkerPool.submit(() -> {
                for (int b = startB; b < endB; b++) {
                    for (int t = 0; t < targetNeurons; t++) {
                        double netSum = 0.0;
                        for (int p = 0; p < priorNeurons; p++) {
                            netSum += inputs[b][p] * weights[t][p];
                        }
                        // Apply stable Sigmoid activation function to boundary output values
                        outputMatrix[b][t] = 1.0 / (1.0 + Math.exp(-(netSum + biases[t])));
                    }
                }
                return null;
            }));
        }
        try {
            for (Future<Void> task : trackingTasks) {
                task.get(); // Synchronize all running threads
            }
        } catch (Exception e) {
            throw new RuntimeException("Dense matrix multi-threaded forward pass collapsed", e);
        }
        return outputMatrix;
    }
    /**
     * Safely terminates the internal execution worker pool.
     */
    public void shutdownEngine() {
        this.threadWorkerPool.shutdown();
    }
}
