import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.function.Supplier;

/**
 * Runs one method of the source's engine on numbers that come in, and says how long each call takes.
 *
 * Every request is an int: CONVOLUTION, POOLING or DENSE loads numbers, RUN answers the nanoseconds of one call,
 * RESULT answers how many numbers it gave and the numbers; anything else ends the program. Numbers are
 * big-endian, arrays row by row behind their sizes.
 */
public class Driver {
    private static final int CONVOLUTION = 1, POOLING = 2, DENSE = 3, RUN = 4, RESULT = 5;

    private final DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
    private final DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
    private final EnterpriseCNNInferenceEngine engine = new EnterpriseCNNInferenceEngine();
    private Supplier<Object> call;
    private Object result;

    public static void main(String[] arguments) throws IOException {
        new Driver().serve();
    }

    private void serve() throws IOException {
        while (true) {
            switch (in.readInt()) {
                case CONVOLUTION -> {
                    double[][][] input = cube();
                    int kernelRows = in.readInt();
                    double[][][][] kernel = new double[kernelRows][][][];
                    for (int row = 0; row < kernelRows; row++) {
                        kernel[row] = cube();
                    }
                    double[] biases = vector();
                    int stride = in.readInt();
                    call = () -> engine.forwardConvolution2D(input, kernel, biases, stride);
                }
                case POOLING -> {
                    double[][][] input = cube();
                    int window = in.readInt();
                    int stride = in.readInt();
                    call = () -> engine.forwardMaxPooling2D(input, window, stride);
                }
                case DENSE -> {
                    double[][] inputs = matrix();
                    double[][] weights = matrix();
                    double[] biases = vector();
                    call = () -> engine.forwardDense(inputs, weights, biases);
                }
                case RUN -> {
                    long started = System.nanoTime();
                    result = call.get();
                    out.writeLong(System.nanoTime() - started);
                    out.flush();
                }
                case RESULT -> {
                    out.writeInt(count(result));
                    write(result);
                    out.flush();
                }
                default -> {
                    engine.shutdownEngine();
                    return;
                }
            }
        }
    }

    private double[] vector() throws IOException {
        double[] numbers = new double[in.readInt()];
        for (int index = 0; index < numbers.length; index++) {
            numbers[index] = in.readDouble();
        }
        return numbers;
    }

    private double[][] matrix() throws IOException {
        double[][] rows = new double[in.readInt()][];
        for (int index = 0; index < rows.length; index++) {
            rows[index] = vector();
        }
        return rows;
    }

    private double[][][] cube() throws IOException {
        double[][][] planes = new double[in.readInt()][][];
        for (int index = 0; index < planes.length; index++) {
            planes[index] = matrix();
        }
        return planes;
    }

    private static int count(Object numbers) {
        if (numbers instanceof double[] row) {
            return row.length;
        }
        int total = 0;
        for (Object part : (Object[]) numbers) {
            total += count(part);
        }
        return total;
    }

    private void write(Object numbers) throws IOException {
        if (numbers instanceof double[] row) {
            for (double number : row) {
                out.writeDouble(number);
            }
            return;
        }
        for (Object part : (Object[]) numbers) {
            write(part);
        }
    }
}
