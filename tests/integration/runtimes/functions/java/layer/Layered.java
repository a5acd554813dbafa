public class Layered {
    public static final String VALUE = new String("from a layer");
}
